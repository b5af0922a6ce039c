
    /// Logs a line over RTT, or on the emulator over semihosting. Without a debugger, the line is lost.
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
