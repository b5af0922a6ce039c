//! How a function over a [`Board`](crate::Board) becomes a program.

/// A budget in bytes: `default`, unless the variable that `given` stands for was set while compiling.
///
/// `budget(option_env!("NIN_RAM_BUDGET"), 32 * 1024)` lets one try another budget without an edit, and lets a test
/// see a budget fail.
pub const fn budget(given: Option<&str>, default: usize) -> usize {
    let Some(given) = given else { return default };
    match usize::from_str_radix(given, 10) {
        Ok(bytes) => bytes,
        Err(_) => panic!("a budget is a number of bytes"),
    }
}

/// Makes a program of a function over a [`Board`](crate::Board).
///
/// With budgets, static memory and flash are checked while the firmware is linked: one that does not fit is not
/// built. The process ends, and the emulator with it, with a status other than 0 if the function fails.
///
/// The file that uses it starts with `#![cfg_attr(target_os = "none", no_std, no_main)]`.
#[macro_export]
macro_rules! firmware {
    ($run:path, ram: $ram:expr, flash: $flash:expr) => {
        const _: () = assert!($ram > 0 && $flash > 0, "a firmware takes some memory");

        #[cfg(target_os = "none")]
        ::core::arch::global_asm!(
            ".global _nin_ram_budget",
            ".set _nin_ram_budget, {ram}",
            ".global _nin_flash_budget",
            ".set _nin_flash_budget, {flash}",
            ram = const $ram,
            flash = const $flash,
        );
        $crate::firmware!($run);
    };
    ($run:path) => {
        #[cfg(target_os = "none")]
        #[$crate::cortex_m::entry]
        fn main() -> ! {
            $crate::cortex_m::start(|board| $run(board))
        }

        #[cfg(not(target_os = "none"))]
        fn main() -> ::std::process::ExitCode {
            $crate::host::start(|board| $run(board))
        }
    };
}
