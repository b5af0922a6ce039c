//! Exchange with PyTorch: shapes, names, number types, and files that do not match.

use half::{bf16, f16};
use nin_core::{Plan, Spec};
use nin_train::formats::safetensors::{TensorError, about, read};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

fn parameters(plan: &Plan) -> Vec<f32> {
    (0..plan.parameters()).map(|i| (i as f32 * 0.37).sin() * 0.5).collect()
}

/// One tensor of a test file.
struct Made {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Made {
    fn f32(name: &str, shape: &[usize], values: impl IntoIterator<Item = f32>) -> Self {
        let data = values.into_iter().flat_map(f32::to_le_bytes).collect();
        Self { name: name.into(), dtype: Dtype::F32, shape: shape.into(), data }
    }
}

fn file(tensors: &[Made]) -> Vec<u8> {
    let views = tensors.iter().map(|t| (&t.name, TensorView::new(t.dtype, t.shape.clone(), &t.data).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

/// Returns the tensors of a file under new names.
fn renamed(bytes: &[u8], rename: impl Fn(&str) -> String) -> Vec<Made> {
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    let made = tensors.iter().map(|(name, tensor)| Made {
        name: rename(name),
        dtype: tensor.dtype(),
        shape: tensor.shape().to_vec(),
        data: tensor.data().to_vec(),
    });
    made.collect()
}

/// Returns the bytes of a network's file.
fn write(plan: &Plan, parameters: &[f32], preprocessing: &Preprocessing, class_names: &[String]) -> Vec<u8> {
    let (spec, parameters, preprocessing) = (*plan.spec(), parameters.to_vec(), preprocessing.clone());
    Trained { spec, parameters, preprocessing, class_names: class_names.to_vec() }.to_safetensors().unwrap()
}

#[test]
fn write_then_read_gives_the_same_parameters() {
    for line in ["3x9x7 nin3/2+1:4,5 max2/2 nin2:6 fc9,5", "2x5x5 nin2:7,3 gap fc4", "1x9x9 fc4,3"] {
        let plan = Plan::new(Spec::new(line));
        let (values, input) = (parameters(&plan), Preprocessing::unit(usize::from(plan.spec().input().channels)));
        let names: Vec<_> = (0..plan.classes()).map(|class| format!("class {class}")).collect();
        let bytes = write(&plan, &values, &input, &names);
        assert_eq!(bytes, write(&plan, &values, &input, &names), "the same bytes every time");
        assert_eq!(read(plan.spec(), &bytes).unwrap(), values);
        let told = about(&bytes).unwrap();
        assert_eq!(told.line.as_deref(), Some(line));
        assert_eq!(told.preprocessing, Some(input));
        assert_eq!(told.class_names, names);
    }
}

#[test]
fn shapes_and_places_are_pytorchs() {
    // 2 channels of 3×4 into a 2×2 convolution with 3 outputs, then a fully connected layer on its 3×2×3 map.
    let plan = Plan::new(Spec::new("2x3x4 nin2:3 fc5"));
    let values = parameters(&plan);
    let bytes = write(&plan, &values, &Preprocessing::unit(2), &[]);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let shape = |name| tensors.tensor(name).unwrap().shape().to_vec();
    assert_eq!(shape("net.0.0.weight"), [3, 2, 2, 2]);
    assert_eq!(shape("net.0.0.bias"), [3]);
    assert_eq!(shape("net.2.weight"), [5, 18]);
    let value = |name: &str, i: usize| {
        let tensor = tensors.tensor(name).unwrap();
        f32::from_le_bytes(tensor.data()[4 * i..4 * i + 4].try_into().unwrap())
    };
    for (o, c, y, x) in (0..24).map(|i| (i / 8, i / 4 % 2, i / 2 % 2, i % 2)) {
        assert_eq!(value("net.0.0.weight", ((o * 2 + c) * 2 + y) * 2 + x), values[((o * 2 + y) * 2 + x) * 2 + c]);
    }
    let full = 24 + 3;
    for (o, c, y, x) in (0..90).map(|i| (i / 18, i / 6 % 3, i / 3 % 2, i % 3)) {
        assert_eq!(value("net.2.weight", ((o * 3 + c) * 2 + y) * 3 + x), values[full + ((o * 2 + y) * 3 + x) * 3 + c]);
    }
    assert_eq!(value("net.2.bias", 4), *values.last().unwrap());
}

#[test]
fn other_names_are_taken_in_layer_order() {
    let line = "1x8x8 nin3:4,4,4 nin3:4,4,4 nin1:4,4,4 nin1:4,4,4 gap fc4,4";
    let plan = Plan::new(Spec::new(line));
    let values = parameters(&plan);
    let bytes = write(&plan, &values, &Preprocessing::unit(1), &[]);
    let order = nin_train::formats::safetensors::book_names(&plan);
    let place = |name: &str| {
        let (stem, kind) = name.rsplit_once('.').unwrap();
        (order.iter().position(|own| own == stem).unwrap(), kind.to_owned())
    };
    // Twelve layers: alphabetically, conv10 precedes conv2, and classifier precedes features.
    let styles: [&dyn Fn(&str) -> String; 3] = [
        &|name| format!("conv{}.{}", place(name).0, place(name).1),
        &|name| match place(name) {
            (i @ 12.., kind) => format!("classifier.{i}.{kind}"),
            (i, kind) => format!("features.{i}.{kind}"),
        },
        &|name| format!("{}{}", &place(name).1[..1], place(name).0),
    ];
    for style in styles {
        assert_eq!(read(plan.spec(), &file(&renamed(&bytes, style))).unwrap(), values, "{}", style("net.0.0.weight"));
    }
}

/// `c` before `a`, since a convolution comes first; but then `ab` is not the first bias.
#[test]
fn biases_are_not_guessed() {
    let spec = Spec::new("1x8x8 nin3:4 fc4");
    let tensors = |names: [&str; 4]| {
        [
            Made::f32(names[0], &[4, 1, 3, 3], [0.0; 36]),
            Made::f32(names[1], &[4], [1.0; 4]),
            Made::f32(names[2], &[4, 144], [0.0; 576]),
            Made::f32(names[3], &[4], [2.0; 4]),
        ]
    };
    let error = read(&spec, &file(&tensors(["c", "cb", "a", "ab"]))).unwrap_err().to_string();
    assert!(error.contains("which bias belongs to which weight"), "{error}");
    for good in [["c.weight", "c.bias", "a.weight", "a.bias"], ["a", "ab", "c", "cb"]] {
        let values = read(&spec, &file(&tensors(good))).unwrap();
        assert_eq!((values[36], values[values.len() - 1]), (1.0, 2.0));
    }
}

#[test]
fn half_precision_is_widened() {
    let values = [0.25f32, -1.5, 3.0];
    let spec = Spec::new("1x1x1 nin1:1 fc1");
    let mut tensors = renamed(
        &write(&Plan::new(spec), &[values[0], values[1], values[2], 0.0], &Preprocessing::unit(1), &[]),
        str::to_owned,
    );
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(tensors[1].name, "net.0.0.weight");
    tensors[1] = Made {
        dtype: Dtype::F16,
        data: f16::from_f32(0.25).to_le_bytes().into(),
        shape: vec![1, 1, 1, 1],
        name: tensors[1].name.clone(),
    };
    tensors[0] = Made {
        dtype: Dtype::BF16,
        data: bf16::from_f32(-1.5).to_le_bytes().into(),
        shape: vec![1],
        name: tensors[0].name.clone(),
    };
    assert_eq!(read(&spec, &file(&tensors)).unwrap(), [0.25, -1.5, 3.0, 0.0]);
    tensors[0] = Made { dtype: Dtype::I16, data: vec![0, 0], shape: vec![1], name: tensors[0].name.clone() };
    let error = read(&spec, &file(&tensors)).unwrap_err();
    assert_eq!(error.to_string(), "the tensor net.0.0.bias has I16 numbers; only F32, F16 and BF16 can be read");
}

#[test]
fn what_does_not_fit_is_listed() {
    let spec = Spec::new("1x8x8 nin3:4 gap");
    let text = |tensors: &[Made]| {
        let error = read(&spec, &file(tensors)).unwrap_err();
        assert!(matches!(error, TensorError::Mismatch { .. }));
        error.to_string()
    };
    let wrong = text(&[Made::f32("a.weight", &[4, 1, 5, 5], [0.0; 100]), Made::f32("a.bias", &[4], [0.0; 4])]);
    assert_eq!(
        wrong,
        "the file does not fit the architecture: a.weight has the shape [4, 1, 5, 5] where [4, 1, 3, 3] is expected\n\
         expected:\n  net.0.0.weight  [4, 1, 3, 3]\n  net.0.0.bias    [4]\n\
         found:\n  a.bias    [4]\n  a.weight  [4, 1, 5, 5]"
    );
    let missing = text(&[Made::f32("a.weight", &[4, 1, 3, 3], [0.0; 36])]);
    assert!(missing.contains("it has 1 weights and 0 biases where 1 of each are expected"), "{missing}");
    assert!(text(&[]).ends_with("found: no tensor"));
    let bias = text(&[Made::f32("a.weight", &[4, 1, 3, 3], [0.0; 36]), Made::f32("a.bias", &[3], [0.0; 3])]);
    assert!(bias.contains("a.bias has the shape [3] where [4] is expected"), "{bias}");
}

#[test]
fn broken_files_are_errors() {
    let plan = Plan::new(Spec::new("1x4x4 nin3:2 gap"));
    let bytes = write(&plan, &parameters(&plan), &Preprocessing::unit(1), &[]);
    for cut in 0..bytes.len() {
        assert!(read(plan.spec(), &bytes[..cut]).is_err(), "the first {cut} bytes");
        // Only the header matters here.
        let _ = about(&bytes[..cut]);
    }
    assert!(read(plan.spec(), b"not a safetensors file at all").is_err());
}
