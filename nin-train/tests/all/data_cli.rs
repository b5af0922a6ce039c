//! `nin-train data` tells what is wrong with a set of pictures, and `train` warns of test images that were trained on.

use crate::common::TempDir;
use crate::program::{command, succeeds};

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

/// Smooth random colours, another picture for each seed.
fn scene(seed: u64) -> RgbImage {
    let mut number = crate::common::numbers(seed, 200);
    let small = RgbImage::from_fn(6, 6, |_, _| Rgb([number() as u8, number() as u8, number() as u8]));
    image::imageops::resize(&small, 48, 48, image::imageops::FilterType::CatmullRom)
}

fn encoded(image: RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Two classes of twelve training and three test pictures with one fault of each kind.
fn photos() -> TempDir {
    let folder = TempDir::new();
    for (class, first) in [("a", 100), ("b", 200)] {
        for i in 0..12 {
            folder.write(&format!("p/train/{class}/{i}.png"), &encoded(scene(first + i), ImageFormat::Png));
        }
        for i in 0..3 {
            folder.write(&format!("p/test/{class}/{i}.png"), &encoded(scene(first + 50 + i), ImageFormat::Png));
        }
    }
    // The same picture, and one that was compressed and scaled.
    folder.write("p/test/a/same.png", &encoded(scene(103), ImageFormat::Png));
    let scaled = image::imageops::resize(&scene(204), 80, 80, image::imageops::FilterType::CatmullRom);
    folder.write("p/test/b/near.jpg", &encoded(scaled, ImageFormat::Jpeg));
    // One in two classes, and a black one.
    folder.write("p/train/b/also-a.bmp", &encoded(scene(105), ImageFormat::Bmp));
    folder.write("p/train/a/black.gif", &encoded(RgbImage::new(48, 48), ImageFormat::Gif));
    folder
}

#[test]
fn faults_of_a_set_are_told() {
    let folder = photos();
    let arguments = ["data", "--data", "p", "--shape", "3x32x32", "--no-cache"];
    let (text, _) = succeeds(&mut command(&folder, &[&arguments[..], &["--sheet", "sheet.png"]].concat()));
    for line in [
        "2 test images are also training images, equal or nearly so, which makes the accuracy too high: test/a/same.png, \
         test/b/near.jpg.",
        "1 group of the same image in several classes: train/a/5.png = train/b/also-a.bmp.",
        "2 groups of equal images: train/a/3.png = test/a/same.png, train/a/5.png = train/b/also-a.bmp.",
        "1 pair of nearly equal images: train/b/4.png = test/b/near.jpg.",
        "1 image of one colour: train/a/black.gif.",
        "Picture sizes (columns x rows): 48x48 to 80x80, median 48x48.",
    ] {
        assert!(text.lines().any(|printed| printed == line), "{line:?} is not in {text}");
    }
    let sheet = image::open(folder.0.join("sheet.png")).unwrap();
    assert_eq!((sheet.width(), sheet.height()), (10 * 34 - 2, 2 * 34 - 2));

    let (text, _) = succeeds(&mut command(&folder, &[&arguments[..], &["--json"]].concat()));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["counts"]["training"], serde_json::json!([13, 13]));
    assert_eq!(json["classes"], serde_json::json!(["a", "b"]));
    assert_eq!(json["sizes"]["most"], serde_json::json!([80, 80]));
    let faults = &json["faults"];
    assert_eq!(faults["also_in_training"]["test"][1]["file"], "test/b/near.jpg");
    assert_eq!(faults["nearly_equal"][0][1]["part"], "test");
    assert_eq!(faults["equal"].as_array().unwrap().len(), 2);
    assert_eq!(faults["several_classes"][0][1]["file"], "train/b/also-a.bmp");
    assert_eq!(faults["one_colour"][0]["file"], "train/a/black.gif");
}

#[test]
fn a_set_without_faults_says_so_and_one_with_few_images_of_a_class_too() {
    let folder = TempDir::new();
    for (class, count, first) in [("few", 3, 0), ("many", 9, 100)] {
        for i in 0..count {
            folder.write(&format!("p/{class}/{i}.png"), &encoded(scene(first + i), ImageFormat::Png));
        }
    }
    let (text, _) = succeeds(&mut command(&folder, &["data", "--data", "p", "--no-cache"]));
    let uneven = "The classes are uneven: 7 training images of 'many', 2 of 'few'. train --balanced weights them.";
    assert!(text.lines().any(|line| line == uneven), "{text}");
    std::fs::remove_dir_all(folder.0.join("p/many")).unwrap();
    (0..3).for_each(|i| drop(folder.write(&format!("p/x/{i}.png"), &encoded(scene(500 + i), ImageFormat::Png))));
    let (text, _) = succeeds(&mut command(&folder, &["data", "--data", "p", "--no-cache"]));
    assert!(text.lines().any(|line| line == "No duplicates, no images of one colour."), "{text}");
}

#[test]
fn training_warns_of_test_images_that_it_trains_on_and_bad_pictures_are_left_out() {
    let folder = photos();
    folder.write("p/train/a/bad.jpg", b"\xff\xd8\xff\xe0");
    let line = ["train", "--data", "p", "--line", "3x8x8 nin3:2 gap", "--epochs", "1", "--no-cache", "--out", "run"];
    let said = crate::program::fails(&mut command(&folder, &line));
    assert!(said.contains("bad.jpg: the JPEG ends within its header; replace or remove it, or leave such"), "{said}");
    let (_, said) = succeeds(&mut command(&folder, &[&line[..], &["--skip-bad"]].concat()));
    assert!(
        said.contains("note: 1 picture left out:\n  p/train/a/bad.jpg: the JPEG ends within its header\n"),
        "{said}"
    );
    let shared = "2 test images are also training images, equal or nearly so, which makes the accuracy too high: \
                  test/a/same.png, test/b/near.jpg";
    assert!(said.contains(shared), "{said}");
    // The page tells it, too, whoever writes it.
    let page = || std::fs::read_to_string(folder.0.join("run/report.html")).unwrap();
    let (written, warning) = (
        page(),
        "2 of the 8 test images are also training images, which makes the test accuracy too high. Equal: \
         test/a/same.png. Nearly equal: test/b/near.jpg.",
    );
    assert!(written.contains(warning), "{written}");
    succeeds(&mut command(&folder, &["report", "run", "--no-cache"]));
    assert!(page() == written, "the same run, the same page");
}

#[test]
fn wrong_labels_are_among_the_surest_disagreements() {
    let folder = TempDir::new();
    // Dark and light pictures; one light picture is labelled dark.
    for i in 0..12u8 {
        for (class, light) in [("dark", 20), ("light", 220)] {
            let picture = RgbImage::from_pixel(8, 8, Rgb([light + i, light, light]));
            let part = if i < 10 { "train" } else { "test" };
            folder.write(&format!("p/{part}/{class}/{i:02}.png"), &encoded(picture, ImageFormat::Png));
        }
    }
    folder
        .write("p/train/dark/wrong.png", &encoded(RgbImage::from_pixel(8, 8, Rgb([230, 221, 222])), ImageFormat::Png));
    let line = "3x8x8 nin1:8 gap fc2";
    let train =
        ["train", "--data", "p", "--line", line, "--epochs", "40", "--lr", "0.01", "--batch", "4", "--out", "run"];
    succeeds(&mut command(&folder, &[&train[..], &["--no-cache", "--quiet"]].concat()));
    let eval = ["eval", "run/checkpoint", "--data", "p", "--no-cache", "--training"];
    let (text, _) = succeeds(&mut command(&folder, &[&eval[..], &["--suspects"]].concat()));
    assert!(text.contains("check these labels:"), "{text}");
    let (json, _) = succeeds(&mut command(&folder, &[&eval[..], &["--suspects=3", "--json"]].concat()));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let first = &json["suspects"][0];
    assert_eq!(
        (&first["file"], &first["label"], &first["predicted"]),
        (&"train/dark/wrong.png".into(), &"dark".into(), &"light".into())
    );
    assert!(first["probability"].as_f64().unwrap() > 0.5);
    assert_eq!(json["suspects"].as_array().unwrap().len(), 1, "all other labels are right");
}
