//! Files of test images for a board.

use crate::common::TempDir;
use crate::program::{command, succeeds};

use nin_core::{Shape, TestImages, TestImagesError};
use nin_train::data::{Dataset, spread, test_images};

#[test]
fn a_file_reads_as_it_was_written() {
    let shape = Shape { channels: 3, rows: 2, columns: 2 };
    let pixels: Vec<u8> = (0..5 * 12).collect();
    let names = ["a", "b"].map(String::from).to_vec();
    let data = Dataset::new(pixels, shape, vec![0, 0, 1, 0, 1], names).unwrap();
    // One of each class in turn.
    assert_eq!(spread(&data, 4), [0, 2, 1, 4]);
    assert_eq!(spread(&data, 9), [0, 2, 1, 4, 3]);

    let file = test_images(&data, &[2, 0], shape).unwrap();
    // By the document: magic, sides, number, labels, images.
    let mut expected = b"NiNimgs1\x03\0\x02\0\x02\0\x02\0\x01\0\0\0".to_vec();
    expected.extend((24..36).chain(0..12));
    assert_eq!(file, expected);
    let images = TestImages::read(&file).unwrap();
    assert_eq!((images.shape(), images.len(), images.label(0), images.label(1)), (shape, 2, 1, 0));
    assert_eq!(images.row(0, 1), [30, 31, 32, 33, 34, 35]);
    assert_eq!(images.row(1, 0), [0, 1, 2, 3, 4, 5]);
    // In a flash partition other bytes follow.
    assert_eq!(TestImages::read(&[&file[..], b"more"].concat()).unwrap().len(), 2);

    for length in 0..file.len() {
        let error = TestImages::read(&file[..length]).map(drop).unwrap_err();
        match length {
            0..8 => assert_eq!(error, TestImagesError::Magic),
            _ => assert!(matches!(error, TestImagesError::Truncated { .. }), "{length}: {error}"),
        }
    }
    let mut most = file.clone();
    most[8..16].fill(0xff);
    assert!(matches!(TestImages::read(&most), Err(TestImagesError::Truncated { .. })));
    most[8..10].fill(0);
    assert!(matches!(TestImages::read(&most), Err(TestImagesError::Empty)));

    let grey = test_images(&data, &[0], Shape { channels: 1, rows: 1, columns: 1 }).unwrap();
    // The mean of four grey levels: 1, 4, 7, 10.
    assert_eq!(grey[18..], [6]);
    let message = test_images(&data, &[0], Shape { channels: 2, ..shape }).unwrap_err().to_string();
    assert!(message.contains("channels"), "{message}");
}

#[test]
fn the_program_writes_test_images_of_a_folder() {
    let folder = TempDir::new();
    for (class, colour) in [("blue", [0, 0, 250]), ("red", [250, 0, 0])] {
        std::fs::create_dir_all(folder.0.join("photos").join(class)).unwrap();
        for i in 0..10u32 {
            let image = image::RgbImage::from_pixel(9 + i, 12, image::Rgb(colour));
            image.save(folder.0.join(format!("photos/{class}/{i}.png"))).unwrap();
        }
    }
    let arguments = ["data", "--data", "photos", "--shape", "3x4x5", "--raw", "i.bin", "--count", "3"];
    let (text, _) = succeeds(&mut command(&folder, &arguments));
    assert!(text.contains("i.bin: 3 test images of 3x4x5 with labels"), "{text}");
    let file = std::fs::read(folder.0.join("i.bin")).unwrap();
    let images = TestImages::read(&file).unwrap();
    let labels: Vec<usize> = (0..images.len()).map(|index| images.label(index)).collect();
    assert_eq!((labels, images.row(0, 0)[..3].to_vec()), (vec![0, 1, 0], vec![0, 0, 250]));
    assert_eq!(images.row(1, 3)[12..], [250, 0, 0]);
}
