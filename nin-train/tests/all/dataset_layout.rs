//! The user's own pictures: how folders and tables divide them, which order the classes have, what is left out, and what
//! is advised where nothing fits.

use crate::common;

use std::fs;
use std::path::Path;

use common::{TempDir, options};
use image::{ImageFormat, Rgb, RgbImage};
use nin_train::data::{DatasetKind, FolderOptions, LoadOptions, Result, Shape, Splits, load};

const SHAPE: Shape = Shape { channels: 1, rows: 2, columns: 2 };

fn picture(shade: u8) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    RgbImage::from_pixel(3, 3, Rgb([shade; 3])).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Writes a picture for each path; its shade is its place in the list.
fn folder(paths: &[&str]) -> TempDir {
    let folder = TempDir::new();
    for (path, shade) in paths.iter().zip(0..) {
        folder.write(path, &picture(shade));
    }
    folder
}

fn with(path: &Path, change: impl FnOnce(&mut LoadOptions)) -> Result<Splits> {
    let mut options = options(DatasetKind::Folder, Some(path));
    options.folder.shape = SHAPE;
    change(&mut options);
    load(&options, &mut |_| ())
}

fn loaded(path: &Path) -> Splits {
    with(path, |_| ()).unwrap()
}

fn refused(path: &Path) -> String {
    with(path, |_| ()).unwrap_err().to_string()
}

/// Returns the shades of a part.
fn shades(set: &nin_train::data::Dataset) -> Vec<u8> {
    (0..set.len()).map(|i| set.image(i)[0]).collect()
}

#[test]
fn parts_are_known_by_their_usual_names() {
    for [train, validation, test] in [
        ["train", "val", "test"],
        ["Training", "VALID", "Testing"],
        ["TRAIN", "dev", "Test"],
        ["training", "Validation", "test"],
    ] {
        let paths = [train, validation, test].map(|part| [format!("{part}/a/x.png"), format!("{part}/b/x.png")]);
        let paths: Vec<&str> = paths.iter().flatten().map(String::as_str).collect();
        let folder = folder(&paths);
        let splits = loaded(&folder.0);
        let parts = [&splits.train, splits.validation.as_ref().unwrap(), &splits.test];
        assert_eq!(parts.map(shades), [[0, 1], [2, 3], [4, 5]]);
        assert!(parts.iter().all(|part| part.class_names() == ["a", "b"]));
        assert!(
            splits.source.starts_with("2 training, 2 validation and 2 test images of 2 classes"),
            "{}",
            splits.source
        );
        assert_eq!(splits.notice, None);
    }
}

#[test]
fn parts_may_be_missing_and_what_is_not_used_is_told() {
    // Training images alone, or with validation images: the test images are held out of them.
    let alone = ["train/a/1.png", "train/a/2.png", "train/b/1.png", "train/b/2.png"];
    let splits = loaded(&folder(&alone).0);
    assert_eq!((splits.train.len(), splits.test.len(), splits.validation.is_none()), (2, 2, true));
    let folder_with = folder(&[&alone[..], &["valid/a/1.png", "valid/b/1.png", "other/1.png", "notes.txt"]].concat());
    let splits = loaded(&folder_with.0);
    assert_eq!((splits.train.len(), splits.test.len()), (2, 2));
    assert_eq!(shades(splits.validation.as_ref().unwrap()), [4, 5]);
    let source =
        "(split by its folders train and valid; 0.2 of each class held out by seed 0 as test images; 1 other entries";
    assert!(splits.source.contains(source), "{}", splits.source);
    let notice = splits.notice.unwrap();
    assert!(notice.ends_with("because the folders beside them divide the images: other"), "{notice}");

    let both = folder(&["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png"]);
    let splits = with(&both.0, |options| options.folder.test_fraction = 0.3).unwrap();
    assert!(splits.notice.unwrap().starts_with("--test-fraction is not used"));

    // A folder with pictures in it is a class, whatever its name.
    let vehicles = folder(&["train/1.png", "train/2.png", "car/1.png", "car/2.png"]);
    assert_eq!(loaded(&vehicles.0).train.class_names(), ["car", "train"]);

    for (paths, what) in [
        (&["test/a/1.png", "test/b/1.png"][..], "has a folder 'test', but no folder 'train'"),
        (&["train/a/1.png", "Training/a/1.png"], "has two folders of training images, 'Training' and 'train'"),
        (
            &["train/a/1.png", "train/b/1.png", "val/a/1.png", "val/c/1.png"],
            "has no training image of class 'c', which another part has",
        ),
        (&["x/a/1.png", "x/b/1.png"], "has its class folders one folder deeper; name the inner folder: --data "),
        (&["a/deep/1.png", "b/1.png"], "a: this class folder has its pictures in folders such as 'deep'"),
    ] {
        let folder = folder(paths);
        let message = refused(&folder.0);
        assert!(message.contains(what), "{what:?} is not in {message:?}");
    }
}

#[test]
fn classes_are_in_natural_order_or_in_the_one_given() {
    let folder = folder(&["10/1.png", "10/2.png", "2/1.png", "2/2.png", "1/1.png", "1/2.png"]);
    let splits = loaded(&folder.0);
    assert_eq!(splits.train.class_names(), ["1", "2", "10"]);
    // Shades 0 and 1 are of class 10, 2 and 3 of class 2, 4 and 5 of class 1.
    let of_class = |class: u8| [2, 1, 0][usize::from(class) / 2];
    (0..3).for_each(|i| assert_eq!(splits.train.label(i), of_class(splits.train.image(i)[0])));

    let given = |classes: &[&str]| {
        let classes = classes.iter().map(|&class| class.to_owned()).collect();
        with(&folder.0, |options| options.classes = classes)
    };
    let splits = given(&["10", "1", "2"]).unwrap();
    assert_eq!(splits.train.class_names(), ["10", "1", "2"]);
    (0..3).for_each(|i| assert_eq!(splits.train.label(i), [0, 2, 1][usize::from(splits.train.image(i)[0]) / 2]));
    for (classes, what) in [
        (&["1", "2"][..], "has the class '10', which --classes does not name"),
        (&["1", "2", "10", "x"], "has no class 'x', which --classes names; its classes are 1, 2, 10"),
        (&["1", "2", "2"], "the class '2' is named twice"),
    ] {
        let message = given(classes).unwrap_err().to_string();
        assert!(message.contains(what), "{message}");
    }
}

#[test]
fn names_that_look_alike_or_are_no_text_are_refused() {
    let twice = folder(&["caf\u{e9}/1.png", "cafe\u{301}/1.png"]);
    let message = refused(&twice.0);
    assert!(message.contains("has the same letters as ") && message.ends_with("merge the two folders"), "{message}");
    // In two parts they are one class.
    let parts = folder(&["train/caf\u{e9}/1.png", "train/b/1.png", "test/cafe\u{301}/1.png", "test/b/1.png"]);
    assert_eq!(loaded(&parts.0).test.class_names(), ["b", "caf\u{e9}"]);

    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt;
        let folder = folder(&["a/1.png", "a/2.png"]);
        let odd = folder.0.join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
        fs::create_dir(&odd).unwrap();
        fs::write(odd.join("1.png"), picture(0)).unwrap();
        let message = refused(&folder.0);
        assert!(message.contains("the name of this class folder is not UTF-8; rename it"), "{message}");
    }
    let long = |number: u8| format!("{number}{}", "n".repeat(250));
    let folder = TempDir::new();
    (0..250).for_each(|number| drop(folder.write(&format!("{}/1.png", long(number)), &picture(1))));
    let message = refused(&folder.0);
    assert!(message.contains("bytes in total; 60,000 is the limit; shorten the names"), "{message}");
}

#[test]
fn all_bad_pictures_are_listed_at_once() {
    let folder = TempDir::new();
    for i in 0..30 {
        folder.write(&format!("a/{i:02}.png"), if i < 25 { b"hello" } else { b"" });
        folder.write(&format!("b/{i:02}.png"), &picture(i));
    }
    let message = refused(&folder.0);
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines[0], "30 pictures cannot be read:");
    assert!(lines[1].ends_with("a/00.png: is not a PNG, JPEG, WebP, BMP, GIF or TIFF file"), "{message}");
    assert_eq!(lines.len(), 1 + 20 + 2, "{message}");
    assert_eq!(lines[21], "  and 10 more");
    assert_eq!(lines[22], "replace or remove them, or leave them out with --skip-bad");
    let skip = |options: &mut LoadOptions| options.folder.skip_bad = true;
    let message = with(&folder.0, skip).unwrap_err().to_string();
    assert!(message.contains("no training image of class 'a' can be read"), "{message}");

    (0..27).for_each(|i| drop(folder.write(&format!("a/{i:02}.png"), &picture(100 + i))));
    let splits = with(&folder.0, skip).unwrap();
    assert_eq!(splits.train.len() + splits.test.len(), 57);
    let notice = splits.notice.unwrap();
    assert!(notice.starts_with("3 pictures left out:\n") && notice.lines().count() == 4, "{notice}");
    // What remains keeps its label and its name.
    for set in [&splits.train, &splits.test] {
        for i in 0..set.len() {
            assert_eq!(set.label(i) == 0, set.image(i)[0] >= 100);
            let number: u8 = set.file(i).unwrap()[2..4].parse().unwrap();
            assert_eq!(number, set.image(i)[0] % 100);
        }
    }
}

#[test]
fn other_formats_are_named_with_what_to_do() {
    let folder = folder(&["a/1.png", "a/2.png", "b/1.png", "b/2.png"]);
    for i in 0..3 {
        folder.write(&format!("a/{i}.HEIC"), b"x");
    }
    folder.write("b/film.mp4", b"x");
    folder.write("b/.DS_Store", b"x");
    folder.write("__MACOSX/a/._1.png", b"x");
    let splits = loaded(&folder.0);
    assert_eq!(
        splits.notice.unwrap(),
        "3 .heic, 1 .mp4 files are not read, only PNG, JPEG, WebP, BMP, GIF or TIFF: convert them, for example with \
         `magick mogrify -format png *.heic`"
    );
    assert!(splits.source.contains("; 2 other entries skipped)"), "{}", splits.source);
    folder.write("c/x.avif", b"x");
    let message = refused(&folder.0);
    assert!(
        message.contains("c: this class folder has no picture that is read; 1 .avif files are not read"),
        "{message}"
    );
}

#[test]
fn advice_fits_what_is_there() {
    for (paths, what) in [
        (&["labels.csv", "1.png"][..], "has no class folder, but labels.csv; name that file: --data "),
        (&["train.parquet"], "has no class folder, but train.parquet; write its pictures into a folder for each class"),
        (&["photos.zip"], "but photos.zip; unpack it first"),
        (
            &["data_batch_1", "test_batch"],
            "holds CIFAR-10 as Python objects, which are not read; get the binary version",
        ),
        (&["cifar-10-batches-py/data_batch_1"], "holds CIFAR-10 as Python objects"),
    ] {
        let folder = folder(paths);
        let message = refused(&folder.0);
        assert!(message.contains(what), "{what:?} is not in {message:?}");
    }
    let folder = TempDir::new();
    for (name, what) in [("x.zip", "unpack it, and name the folder"), ("x.parquet", "write its pictures into a folder")]
    {
        let message = refused(&folder.write(name, b"x"));
        assert!(message.contains("is a file of a kind that is not read (.") && message.contains(what), "{message}");
    }
}

#[test]
fn a_table_of_files_and_labels_is_a_data_set() {
    let folder = folder(&["p/0.png", "p/1.png", "p/2.png", "p/3.png", "p/4.png", "p/5.png"]);
    let table = |name: &str, text: &str| folder.write(name, text.as_bytes());
    let path = table("a.csv", "file,label\np/0.png,10\np/1.png,10\n\"p/2.png\",9\np/3.png,9\n");
    let splits = loaded(&path);
    assert_eq!(splits.train.class_names(), ["9", "10"]);
    assert_eq!((splits.train.len(), splits.test.len()), (2, 2));
    assert_eq!(splits.train.label(0), 0);
    assert!([2, 3].contains(&splits.train.image(0)[0]));
    assert!(splits.train.file(0).unwrap().starts_with("p/"));

    // No first line of names; semicolons; a part for each row; names without extension; tabs.
    let headless = table("b.csv", "p/0.png,x\np/1.png,x\np/2.png,y\np/3.png,y\n");
    assert_eq!(loaded(&headless).train.class_names(), ["x", "y"]);
    let divided = "\u{feff}Split;image_id;Class\r\ntrain;p/0;x\r\ntrain;p/1;y\r\nVal;p/2;x\r\nvalid;p/3;y\r\n\
                   test;p/4;x\r\ntesting;p/5;y\r\n";
    let splits = loaded(&table("c.csv", divided));
    let parts = [&splits.train, splits.validation.as_ref().unwrap(), &splits.test];
    assert_eq!(parts.map(shades), [[0, 1], [2, 3], [4, 5]]);
    let tabs = table("d.tsv", "path\tcategory\np/0.png\tred, dark\np/1.png\tred, dark\np/2.png\tb\np/3.png\tb\n");
    assert_eq!(loaded(&tabs).train.class_names(), ["b", "red, dark"]);

    for (text, what) in [
        ("who,when\na,b\n", "has the columns 'who', 'when', not one of files and one of labels"),
        ("file,label\np/0.png\n", "line 2 has no file or no label"),
        ("file,label,split\np/0.png,a,later\n", "line 2 is of the part 'later', which is not known"),
        ("file,label\n", "has no row with a training image"),
        ("file,label\np/0.png,a\np/1.png,a\n", "has a single class, 'a'"),
        ("file,label\np/0.png,a\np/gone.png,a\np/1.png,b\np/2.png,b\n", "gone.png: cannot open"),
    ] {
        let message = refused(&table("e.csv", text));
        assert!(message.contains(what), "{what:?} is not in {message:?}");
    }
}

#[test]
fn the_defaults_are_what_the_documentation_states() {
    let FolderOptions { shape, test_fraction, seed, skip_bad } = FolderOptions::default();
    assert_eq!((shape.channels, shape.rows, shape.columns), (3, 32, 32));
    assert_eq!((test_fraction, seed, skip_bad), (0.2, 0, false));
}
