//! Data sets from arrays and from files that NumPy wrote (`npz/make.py`), and every way in which they can be wrong.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use crate::common::{TempDir, options};
use ndarray::{Array1, Array3, Array4, ArrayD, IxDyn, ShapeBuilder, array, s};
use ndarray_npy::{NpzWriter, WriteNpyExt};
use nin_train::data::{Dataset, DatasetKind, Shape, Splits, load, npz};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/npz").join(name)
}

/// As `--data FILE` loads it.
fn loaded(path: &Path) -> Result<Splits, String> {
    load(&options(DatasetKind::Npz, Some(path)), &mut |_| {}).map_err(|error| error.to_string())
}

/// Returns the images of `make.py`.
fn images(count: usize, rows: usize, columns: usize, channels: usize, first: usize) -> Array4<u8> {
    Array4::from_shape_fn((count, rows, columns, channels), |(n, y, x, c)| {
        ((11 * (n + first) + 37 * y + 5 * x + 101 * c) % 256) as u8
    })
}

fn alternating(count: usize) -> Array1<u16> {
    (0..count).map(|label| (label % 2) as u16).collect()
}

#[test]
fn a_set_with_the_names_of_keras() {
    let Splits { train, validation, test, source, notice, is_subset } = loaded(&fixture("keras.npz")).unwrap();
    assert_eq!(train.images(), images(6, 5, 4, 1, 0));
    assert_eq!(test.images(), images(4, 5, 4, 1, 6));
    assert_eq!((train.labels(), test.labels()), (alternating(6).view(), alternating(4).view()));
    assert_eq!(train.class_names(), ["0", "1"]);
    assert_eq!((validation, notice, is_subset), (None, None, false));
    assert!(source.starts_with("6 training and 4 test images of 2 classes from "), "{source}");
    assert!(source.ends_with("keras.npz."), "{source}");
    // The names of a data set that is named too.
    let named = load(&options(DatasetKind::Mnist, Some(&fixture("keras.npz"))), &mut |_| {}).unwrap();
    assert_eq!(named.train.class_names().len(), 10);
}

#[test]
fn a_set_with_the_names_of_medmnist() {
    let splits = loaded(&fixture("medmnist.npz")).unwrap();
    let validation = splits.validation.unwrap();
    assert_eq!(splits.train.images(), images(6, 5, 4, 3, 0));
    assert_eq!(validation.images(), images(2, 5, 4, 3, 6));
    assert_eq!(splits.test.images(), images(4, 5, 4, 3, 8));
    assert_eq!(validation.labels(), alternating(2));
    assert_eq!(splits.train.class_names(), ["benign", "bösartig"]);
    assert!(splits.source.contains("its 2 validation images"), "{}", splits.source);
}

#[test]
fn channels_first_in_fortran_order_without_test_images() {
    let splits = loaded(&fixture("fortran.npz")).unwrap();
    assert_eq!((splits.train.len(), splits.test.len()), (6, 2));
    assert_eq!(splits.test.class_counts(), [1, 1]);
    assert!(splits.source.contains("0.2 of each class held out by seed 0"), "{}", splits.source);
    let whole = images(8, 5, 4, 3, 0);
    let mut found = 0;
    for part in [&splits.train, &splits.test] {
        for (image, label) in part.images().outer_iter().zip(part.labels()) {
            let place = whole.outer_iter().position(|other| other == image).unwrap();
            assert_eq!(usize::from(*label), place % 2);
            found |= 1 << place;
        }
    }
    assert_eq!(found, 0xff, "each image once");
    assert_eq!(npz::images(&fixture("images.npy")).unwrap(), images(3, 28, 28, 1, 0));
    assert_eq!(npz::images(&fixture("medmnist.npz")).unwrap(), images(4, 5, 4, 3, 8));
}

#[test]
fn arrays_in_any_order_of_memory() {
    let whole = images(4, 5, 6, 3, 0);
    let first = whole.clone().permuted_axes([0, 3, 1, 2]).as_standard_layout().into_owned();
    let from = |images, labels: Array1<i64>| Dataset::from_arrays(images, labels.view(), &["a", "b"]);
    let data = from(first.view().permuted_axes([0, 2, 3, 1]), array![1, 0, 1, 0]).unwrap();
    assert_eq!(data.images(), whole);
    assert_eq!(data.bytes(), whole.as_slice().unwrap());
    assert_eq!(data.shape(), Shape { channels: 3, rows: 5, columns: 6 });
    assert_eq!(data, from(whole.view(), array![1, 0, 1, 0]).unwrap());
    let every_other = from(whole.slice(s![..;2, .., ..;-1, ..]), array![1, 1]).unwrap();
    assert_eq!(every_other.image(1)[..3], whole.slice(s![2, 0, 5, ..]).to_vec());
    let told = |data: Result<Dataset, _>| data.map_err(|error: nin_train::data::DataError| error.to_string());
    assert_eq!(told(from(whole.view(), array![0, 1])), Err("there are 2 labels for 4 images".into()));
    assert_eq!(told(from(whole.view(), array![0, 1, 2, 0])), Err("label 2 of image 2 is not one of 0 to 1".into()));
    assert_eq!(told(from(whole.view(), array![0, -1, 2, 0])), Err("label -1 of image 1 is not one of 0 to 1".into()));
    let wide = Array4::zeros((1, 1, 70_000, 1));
    assert!(told(from(wide.view(), array![0])).unwrap_err().contains("above 65,535"));
    assert!(told(from(Array4::zeros((0, 0, 1, 1)).view(), array![])).unwrap_err().contains("no pixels"));
}

/// An archive of one array after the other.
struct Maker(NpzWriter<Cursor<Vec<u8>>>);

impl Maker {
    fn new() -> Self {
        Self(NpzWriter::new(Cursor::new(Vec::new())))
    }

    fn with(mut self, name: &str, array: &impl WriteNpyExt) -> Self {
        self.0.add_array(name, array).unwrap();
        self
    }

    fn bytes(self) -> Vec<u8> {
        self.0.finish().unwrap().into_inner()
    }
}

/// Returns a sound training set, but for what is put in its place.
fn training(images: &impl WriteNpyExt, labels: &impl WriteNpyExt) -> Vec<u8> {
    Maker::new().with("x_train", images).with("y_train", labels).bytes()
}

/// What loading these bytes says.
fn told(bytes: &[u8]) -> String {
    let folder = TempDir::new();
    let message = loaded(&folder.write("set.npz", bytes)).unwrap_err();
    assert!(!message.contains('\n'), "{message}");
    message
}

#[track_caller]
fn tells(bytes: &[u8], what: &str) {
    let message = told(bytes);
    assert!(message.contains(what), "{what:?} is not in {message:?}");
}

#[test]
fn labels_of_every_type_of_integers() {
    let folder = TempDir::new();
    let images = images(4, 5, 6, 1, 0);
    let mut sets = Vec::new();
    macro_rules! write {
        ($($number:ty),*) => {$({
            let bytes = training(&images, &Array1::<$number>::from(vec![0, 1, 1, 0]));
            sets.push(loaded(&folder.write("set.npz", &bytes)).unwrap().train);
        })*};
    }
    write!(u8, i8, u16, i16, u32, i32, u64, i64);
    assert_eq!(sets.len(), 8);
    assert!(sets.iter().all(|set| *set == sets[0]), "{sets:?}");
}

#[test]
fn wrong_shapes_and_types() {
    let (good, labels) = (images(4, 5, 6, 1, 0), array![0u8, 1, 0, 1]);
    let float = good.mapv(f32::from);
    tells(&training(&float, &labels), "array 'x_train' has the dtype float32, but images must be uint8; convert it");
    tells(&training(&good.mapv(i64::from), &labels), "has the dtype int64, but images must be uint8");
    tells(&training(&good.mapv(|v| v > 9), &labels), "has the dtype bool, but images must be uint8");
    tells(&training(&good, &labels.mapv(f64::from)), "'y_train' has the dtype float64, but labels must be integers");
    let hot = array![[0u8, 1], [1, 0], [0, 1], [0, 1]];
    tells(&training(&good, &hot), "'y_train' has the shape 4 × 2, but labels must be N or N × 1");
    tells(&training(&good, &array![0u8, 1, 0]), "'y_train' holds 3 labels, but 'x_train' holds 4 images");
    tells(&training(&good, &array![0i32, -1, 0, 1]), "'y_train' is wrong: label -1 of image 1 is not one of 0 to");
    tells(&training(&good, &array![0u64, 1, u64::MAX, 1]), "label 18446744073709551615 of image 2 is not one of");
    tells(&training(&good, &array![0, 0, 0, 0]), "has images of a single class");
    let shaped = |sides: &[usize]| ArrayD::<u8>::zeros(IxDyn(sides));
    for (sides, what) in [
        (&[4, 3, 6, 3][..], "4 × 3 × 6 × 3, in which both the second and the last axis may be the channels"),
        (&[4, 5, 6, 4], "4 × 5 × 6 × 4, in which neither the second nor the last axis has 1 or 3 channels"),
        (&[4, 30], "has the shape 4 × 30, which is not a shape of images"),
        (&[4, 1, 5, 6, 1], "has the shape 4 × 1 × 5 × 6 × 1, which is not a shape of images"),
        (&[], "has the shape (), which is not a shape of images"),
        (&[0, 5, 6], "has the shape 0 × 5 × 6, so it is empty"),
        (&[4, 0, 6, 1], "so it is empty"),
        (&[4, 70_000, 1], "have a side above 65,535"),
    ] {
        tells(&training(&shaped(sides), &labels), what);
    }
    let other = Array3::<u8>::zeros((4, 6, 6));
    let both = |name: &str| Maker::new().with("x_train", &good).with("y_train", &labels).with(name, &other);
    tells(&both("x_test").with("y_test", &labels).bytes(), "'x_test' holds images of 1x6x6, but those for training");
    tells(&both("x_val").with("y_val", &labels).bytes(), "'x_val' holds images of 1x6x6, but those for training");
    tells(&both("class_names").bytes(), "'class_names' has the dtype uint8 and the shape 4 × 6 × 6, but class names");
}

#[test]
fn missing_and_additional_arrays() {
    let (good, labels) = (images(4, 5, 6, 1, 0), array![0u8, 1, 0, 1]);
    let one = |name: &str| Maker::new().with(name, &good);
    tells(&Maker::new().bytes(), "has no images with a known name: it has no arrays; name its arrays x_train");
    tells(&one("photos").bytes(), "has no images with a known name: its arrays are photos;");
    tells(&one("x_train").bytes(), "has no array 'y_train': its arrays are x_train; add it");
    tells(&one("x_test").with("y_test", &labels).bytes(), "has no array 'y_train'");
    let train = || one("train_images").with("train_labels", &labels);
    tells(&train().with("val_images", &good).bytes(), "has no array 'val_labels'");
    tells(&train().with("test_labels", &labels).bytes(), "has no array 'test_images'");
    tells(&train().with("x_train", &good).bytes(), "names its arrays in two ways");
    let folder = TempDir::new();
    let splits = loaded(&folder.write("set.npz", &train().with("masks", &good).bytes())).unwrap();
    assert!(splits.notice.unwrap().ends_with("these arrays are not used: masks"));
    let from_one = training(&good, &array![1u8, 2, 1, 2]);
    let splits = loaded(&folder.write("set.npz", &from_one)).unwrap();
    assert_eq!(splits.notice.unwrap(), "no training image has the label 0; labels count from 0");
    let message = loaded(&folder.0.join("none.npz")).unwrap_err();
    assert!(message.contains("none.npz: cannot open"), "{message}");
    let message = load(&options(DatasetKind::Npz, None), &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains("needs --data FILE.npz"), "{message}");
    let message = loaded(&folder.0).unwrap_err();
    assert!(message.contains("is a folder; name an .npz file"), "{message}");
}

/// Returns a `.npy` file with this header and these values.
fn npy(header: &str, values: &[u8]) -> Vec<u8> {
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16 + 1).to_le_bytes());
    file.extend(header.as_bytes());
    file.push(b'\n');
    file.extend(values);
    file
}

/// Returns an archive whose training images are these bytes, whatever they are.
fn archive(images: &[u8], method: CompressionMethod) -> Vec<u8> {
    let mut labels = Vec::new();
    array![0u8, 1, 0, 1].write_npy(&mut labels).unwrap();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [("x_train.npy", images), ("y_train.npy", &labels)] {
        zip.start_file(name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn headers_that_cannot_be_believed() {
    let stored = |file: &[u8]| archive(file, CompressionMethod::Stored);
    let header = |dtype: &str, shape: &str| {
        let header = format!("{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}");
        stored(&npy(&header, &[7; 120]))
    };
    tells(&header("'|u1'", "(5, 5, 6)"), "declares the shape 5 × 5 × 6, 150 bytes, but holds 120");
    tells(&header("'|u1'", "(4, 5, 5)"), "declares the shape 4 × 5 × 5, 100 bytes, but holds 120");
    tells(&header("'|u1'", "(1000000000000, 28, 28)"), "784,000,000,000,000 bytes, but holds 120");
    tells(&header("'|u1'", "(4294967296, 4294967296, 4)"), "impossible shape");
    tells(&header("'|u1'", "(0, 4294967296, 4294967296)"), "impossible shape");
    tells(&header("'|u1'", "(99999999999999999999999, 2)"), "has a broken header");
    tells(&header("'|u1'", "(1,1,1,1,1,1,1,1,1,120)"), "impossible shape");
    tells(&header("'<U99999999999999999999'", "(2,)"), "has the dtype '<U99999999999999999999'");
    tells(&header("'<U9223372036854775807'", "(2,)"), "impossible shape");
    tells(&header("'|O'", "(4, 5, 6)"), "has the dtype '|O'");
    tells(&header("[('r', '|u1'), ('g', '|u1')]", "(60,)"), "has the dtype [('r', '|u1'), ('g', '|u1')]");
    tells(&header("'|u1'", "(4, 5, 6"), "has a broken header");
    tells(&header("'|u1'", &"(".repeat(9_000)), "has a broken header");
    tells(&header("'|u1'", &" ".repeat(20_000)), "has a header of 20,0");
    tells(&stored(b"\x93NUMPY\x02\x00\xff\xff\xff\xff"), "has a header of 4,294,967,295 bytes, which is too long");
    tells(&stored(b"\x93NUMPY\x01\x00\x50\x00{"), "ends within its header");
    tells(&stored(b"\x93NUM"), "ends within its header");
    tells(&stored(b"GIF89a and more"), "is not a .npy array");
    tells(&stored(&npy("\u{fe0f}", &[])), "has a broken header");
}

#[test]
fn broken_archives() {
    let mut images_file = Vec::new();
    images(4, 5, 6, 1, 0).write_npy(&mut images_file).unwrap();
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let good = archive(&images_file, method);
        let folder = TempDir::new();
        assert!(loaded(&folder.write("set.npz", &good)).is_ok());
        // Wherever a file is cut or changed, it is told or it makes no difference to what is read.
        for cut in (0..good.len()).step_by(7) {
            tells(&good[..cut], "set.npz: is not a zip archive, or is damaged");
        }
        let sound = loaded(&folder.write("set.npz", &good)).unwrap();
        for place in 0..good.len() {
            let mut bytes = good.clone();
            bytes[place] ^= 1 << (place % 8);
            match loaded(&folder.write("set.npz", &bytes)) {
                Ok(splits) => assert_eq!((&splits.train, &splits.test), (&sound.train, &sound.test), "{place}"),
                Err(message) => assert!(message.contains("set.npz: ") && !message.contains('\n'), "{message}"),
            }
        }
    }
    tells(b"", "is not a zip archive, or is damaged");
    tells(b"hello", "is not a zip archive, or is damaged");
}

/// A directory entry that declares 3 GiB for a few compressed bytes takes no memory.
#[test]
fn a_declared_size_takes_no_memory() {
    let mut bytes = archive(&npy("{}", &[]), CompressionMethod::Deflated);
    let size = npy("{}", &[]).len() as u32;
    let declared = 3u32 << 30;
    let places: Vec<usize> =
        (0..bytes.len() - 4).filter(|&place| bytes[place..place + 4] == size.to_le_bytes()).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + 4].copy_from_slice(&declared.to_le_bytes());
    }
    tells(&bytes, "declares 3,221,225,472 bytes, which its");
}

#[test]
fn fortran_order_is_only_an_order() {
    let order = images(4, 5, 6, 3, 0);
    let mut fortran = Array4::<u8>::zeros((4, 5, 6, 3).f());
    fortran.assign(&order);
    let folder = TempDir::new();
    let labels = array![[0u8], [1], [0], [1]];
    let read = |images: &Array4<u8>| loaded(&folder.write("set.npz", &training(images, &labels))).unwrap();
    assert_eq!(read(&fortran), read(&order));
    let (train, test) = (read(&order).train, read(&order).test);
    assert_eq!((train.len(), test.len()), (2, 2));
}
