        let mut y = 0;
        while y < samples::ROWS {
            // The interrupt fills the queue while the network computes.
            let Some(row) = rows.dequeue() else { continue };
            // An error would mean that the row has another length.
            y += usize::from(network.push_row(&row).is_ok());
        }
        let Ok(logits) = network.finish() else { panic!("rows are missing") };
