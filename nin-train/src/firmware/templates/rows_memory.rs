        // The network asks for one row after the other. Replace this by reading a row from your camera.
        let read_row = |y: usize, row: &mut [u8]| {
            row.copy_from_slice(sample.row(y));
            Ok::<(), Infallible>(())
        };
        let Ok(logits) = network.infer(read_row);
