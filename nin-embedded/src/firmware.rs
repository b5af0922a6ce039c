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

/// Bytes that a board has for its stack, and for static memory beside a network's state, if its firmware takes what
/// [`state_budget`] gives it.
pub const STACK: usize = 8 * 1024;

/// A budget for the state of whatever network comes: `most` bytes, or all the board's RAM but [`STACK`] if that is
/// less; or what `given` says, as in [`budget`].
pub const fn state_budget(given: Option<&str>, most: usize) -> usize {
    // A host has no such bound.
    let left = budget(option_env!("NIN_RAM"), usize::MAX).saturating_sub(STACK);
    budget(given, if left < most { left } else { most })
}

/// Makes a program of a function over a [`Board`](crate::Board).
///
/// With budgets in bytes, the size of the network's state is checked while the firmware is compiled, static memory and
/// flash while it is linked: one that does not fit is not built. The process ends, and the emulator with it, with a
/// status other than 0 if the function fails.
///
/// The file that uses it starts with `#![cfg_attr(target_os = "none", no_std, no_main)]`.
#[macro_export]
macro_rules! firmware {
    ($run:path, state: $state:ty, ram: $ram:expr, flash: $flash:expr) => {
        // A host's kernels may take more memory than a board's.
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
