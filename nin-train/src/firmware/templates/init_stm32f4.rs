        let mut config = embassy_stm32::Config::default();
        // The PLL multiplies the internal oscillator of 16 MHz.
        config.rcc.pll_src = PllSource::HSI;
        config.rcc.pll = Some(Pll {
            prediv: PllPreDiv::DIV16,
            mul: PllMul::{{mul}},
            divp: Some(PllPDiv::{{p}}),
            divq: None,
            divr: None,
        });
        config.rcc.sys = Sysclk::PLL1_P;
        config.rcc.apb1_pre = APBPrescaler::{{apb1}};
        config.rcc.apb2_pre = APBPrescaler::{{apb2}};
        let hal = embassy_stm32::init(config);
        // Flash is slower than the core: read ahead and cache it.
        embassy_stm32::pac::FLASH.acr().modify(|flash| {
            flash.set_prften(true);
            flash.set_icen(true);
            flash.set_dcen(true);
        });
