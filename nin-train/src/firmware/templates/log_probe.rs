
    /// Logs a line over RTT. Without a debugger, the line is lost.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        defmt::println!("{}", defmt::Display2Format(&text));
    }

    /// Ends the program: the board sleeps.
    pub fn end(self, _ok: bool) -> ! {
        loop {
            cortex_m::asm::wfi();
        }
    }
