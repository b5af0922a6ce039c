//! Turns a function of a [`Board`](crate::Board) into a program.

/// Returns a budget in bytes: the number in `given`, or `default` if there is none.
///
/// With `budget(option_env!("NIN_RAM_BUDGET"), 32 * 1024)` an environment variable of the build changes the budget.
pub const fn budget(given: Option<&str>, default: usize) -> usize {
    let Some(given) = given else { return default };
    match usize::from_str_radix(given, 10) {
        Ok(bytes) => bytes,
        Err(_) => panic!("a budget is a number of bytes"),
    }
}

/// Bytes that [`state_budget`] leaves free for the stack and for other static memory.
pub const STACK: usize = 8 * 1024;

/// Returns a budget in bytes for the state of a network that is not known while compiling: the number in `given`, as
/// in [`budget`]; otherwise `most`, or the board's RAM less [`STACK`] if that is smaller.
pub const fn state_budget(given: Option<&str>, most: usize) -> usize {
    // A host has no limit.
    let left = budget(option_env!("NIN_RAM"), usize::MAX).saturating_sub(STACK);
    budget(given, if left < most { left } else { most })
}

/// Turns a function of a [`Board`](crate::Board) into a program.
///
/// With budgets in bytes, the compiler checks the size of the network's state, and the linker checks static memory and
/// flash: a firmware that exceeds a budget is not built. If the function fails, the process or the emulator ends with
/// status 1.
///
/// The file that uses the macro starts with `#![cfg_attr(target_os = "none", no_std, no_main)]`.
#[macro_export]
macro_rules! firmware {
    ($run:path, state: $state:ty, ram: $ram:expr, flash: $flash:expr) => {
        // A host's kernels may need more memory than a board's.
        const _: () = assert!(
            !cfg!(target_os = "none") || ::core::mem::size_of::<$state>() <= $ram,
            "the network's state does not fit the RAM budget"
        );
        const _: usize = $flash;

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
        #[$crate::processor::entry]
        fn main() -> ! {
            $crate::processor::start(|board| $run(board))
        }

        #[cfg(not(target_os = "none"))]
        fn main() -> ::std::process::ExitCode {
            $crate::host::start(|board| $run(board))
        }
    };
}
