        let hal = embassy_rp::init(embassy_rp::config::Config::default());
        let usb = serve_usb(usb::Driver::new(hal.USB, Interrupts)).expect("the task runs once");
        EXECUTOR.start(interrupt::SWI_IRQ_0).spawn(usb);
