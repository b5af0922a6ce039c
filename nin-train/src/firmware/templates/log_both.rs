
    /// Logs a line: over RTT, and it is lost if no debugger listens; on the emulator over semihosting.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        #[cfg(feature = "qemu")]
        cortex_m_semihosting::hprintln!("{}", text);
        #[cfg(feature = "probe")]
        defmt::println!("{}", defmt::Display2Format(&text));
    }

    /// Ends the program: the emulator stops, a board sleeps.
    pub fn end(self, _ok: bool) -> ! {
        #[cfg(feature = "qemu")]
        cortex_m_semihosting::debug::exit(if _ok { Ok(()) } else { Err(()) });
        loop {
            cortex_m::asm::wfi();
        }
    }
