
    /// Logs a line over semihosting; the emulator prints it.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        cortex_m_semihosting::hprintln!("{}", text);
    }

    /// Ends the program, and with it the emulator.
    pub fn end(self, ok: bool) -> ! {
        cortex_m_semihosting::debug::exit(if ok { Ok(()) } else { Err(()) });
        loop {
            cortex_m::asm::wfi();
        }
    }
