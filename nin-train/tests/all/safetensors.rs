//! Exchange with PyTorch: shapes, names, number types, and files that do not match.

use half::{bf16, f16};
use nin_core::{Plan, Spec};
use nin_train::formats::safetensors::{Matching, TensorError, about, read, read_matched};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

fn parameters(plan: &Plan) -> Vec<f32> {
    (0..plan.parameters()).map(|i| (i as f32 * 0.37).sin() * 0.5).collect()
}

/// One tensor of a test file.
#[derive(Clone)]
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
    assert_eq!(error.to_string(), "the tensor net.0.0.bias has I16 numbers; F64, F32, F16 and BF16 can be read");
    tensors[0] = Made { dtype: Dtype::I8, data: vec![0], shape: vec![1], name: tensors[0].name.clone() };
    let error = read(&spec, &file(&tensors)).unwrap_err().to_string();
    assert!(error.starts_with("the tensor net.0.0.bias has I8 numbers: the network is quantised"), "{error}");
    tensors[0] =
        Made { dtype: Dtype::F64, data: 0.1f64.to_le_bytes().into(), shape: vec![1], name: tensors[0].name.clone() };
    let found = read_matched(&spec, &file(&tensors), &Matching::default()).unwrap();
    assert_eq!((found.parameters[1], found.rounded), (0.1, 1));
}

/// Returns a file whose tensors are in this order; writers of the format sort them by name.
fn file_in_order(tensors: &[Made]) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for Made { name, shape, data: own, .. } in tensors {
        let offsets = [data.len(), data.len() + own.len()];
        header.insert(name.clone(), serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": offsets }));
        data.extend(own);
    }
    let header = serde_json::Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

/// Two layers of one shape, which the alphabet would swap.
#[test]
fn the_alphabet_does_not_order_layers() {
    let spec = Spec::new("3x8x8 nin3+1:3 nin3+1:3 gap");
    let tensors = |names: [&str; 2]| -> Vec<Made> {
        let layer = |(number, name): (usize, &str)| {
            let value = number as f32 + 1.0;
            [
                Made::f32(&format!("{name}.weight"), &[3, 3, 3, 3], [value; 81]),
                Made::f32(&format!("{name}.bias"), &[3], [-value; 3]),
            ]
        };
        (0..).zip(names).flat_map(layer).collect()
    };
    let is_in_order = |values: &[f32]| (values[0], values[81], values[84], values[165]) == (1.0, -1.0, 2.0, -2.0);
    let sorted = file(&tensors(["stem", "body"]));
    let error = read(&spec, &sorted).unwrap_err().to_string();
    let asked = "body.weight and stem.weight have the same shape, [3, 3, 3, 3], and neither their names nor the order of \
                 the file tells which layer comes first: name the layers in the order of the line with --map";
    assert!(error.contains(asked), "{error}");
    let mapped = |map: &[&str]| {
        let map = map.iter().map(ToString::to_string).collect();
        read_matched(&spec, &sorted, &Matching { map, ..Matching::default() })
    };
    let found = mapped(&["stem", "body"]).unwrap();
    assert!(is_in_order(&found.parameters));
    assert_eq!(found.layers[1].0, "stage 2 (nin3+1:3), layer 1");
    assert_eq!(found.layers[1].1, ["body.weight", "body.bias"]);
    assert!(!is_in_order(&mapped(&["body", "stem"]).unwrap().parameters));
    for (map, problem) in [
        (&["stem"][..], "--map names 1 layers where the line has 2"),
        (&["stem", "stem"], "--map names stem twice"),
        (&["stem", "head"], "--map names head, and the file has no weight of that name"),
        (&["stem", "body+bn"], "--map names bn, and the file has no such normalisation"),
    ] {
        let error = mapped(map).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
    // A writer that keeps the order of the layers, and names with numbers.
    assert!(is_in_order(&read(&spec, &file_in_order(&tensors(["stem", "body"]))).unwrap()));
    assert!(is_in_order(&read(&spec, &file(&tensors(["conv9", "conv10"]))).unwrap()));
    // Layers of different shapes need no order.
    let spec = Spec::new("3x8x8 nin3+1:3 nin1:4 gap");
    let tensors = [Made::f32("z.weight", &[3, 3, 3, 3], [1.0; 81]), Made::f32("a.weight", &[4, 3, 1, 1], [2.0; 12])];
    let values = read(&spec, &file(&tensors)).unwrap();
    assert_eq!((values[0], values[81], values[84], values.last()), (1.0, 0.0, 2.0, Some(&0.0)), "no bias is 0");
}

#[test]
fn batch_normalisation_is_folded() {
    let spec = Spec::new("1x4x4 nin1:2 nin1:2 gap fc2");
    // With an epsilon of 1 the factor is 3 / √(3 + 1) = 1.5.
    let norm = |name: &str, mean: f32| {
        let vector = |part: &str, value: f32| Made::f32(&format!("{name}.{part}"), &[2], [value; 2]);
        let counter =
            Made { dtype: Dtype::I64, data: vec![0; 8], shape: vec![], name: format!("{name}.num_batches_tracked") };
        vec![
            vector("running_mean", mean),
            vector("running_var", 3.0),
            vector("weight", 3.0),
            vector("bias", 0.5),
            counter,
        ]
    };
    let weights = |[first, second, third]: [&str; 3]| {
        vec![
            Made::f32(&format!("{first}.weight"), &[2, 1, 1, 1], [2.0, 4.0]),
            Made::f32(&format!("{second}.weight"), &[2, 2, 1, 1], [1.0, 2.0, 3.0, 4.0]),
            Made::f32(&format!("{third}.weight"), &[2, 2], [1.0; 4]),
            Made::f32(&format!("{third}.bias"), &[2], [7.0; 2]),
        ]
    };
    let matching = Matching { epsilon: 1.0, ..Matching::default() };
    let folded = [3.0, 6.0, -1.0, -1.0, 1.5, 3.0, 4.5, 6.0, -2.5, -2.5, 1.0, 1.0, 1.0, 1.0, 7.0, 7.0];
    for (layers, norms) in [
        (["features.0", "features.3", "classifier.1"], ["features.1", "features.4"]),
        (["conv1", "conv2", "fc"], ["bn1", "bn2"]),
        (["block.0.conv", "block.1.conv", "head"], ["block.0.bn", "block.1.bn"]),
        // Only their number tells.
        (["a1", "a2", "z"], ["b1", "b2"]),
    ] {
        let tensors = [weights(layers), norm(norms[0], 1.0), norm(norms[1], 2.0)].concat();
        let found =
            read_matched(&spec, &file(&tensors), &matching).unwrap_or_else(|error| panic!("{layers:?}: {error}"));
        assert_eq!(found.parameters, folded, "{layers:?}");
    }
    // One of two layers has a normalisation, and no name tells which.
    let tensors = [weights(["a1", "a2", "z"]), norm("b1", 2.0)].concat();
    let error = read_matched(&spec, &file(&tensors), &matching).unwrap_err().to_string();
    assert!(
        error.contains("which layer the batch normalisation b1 follows: state it with --map, as LAYER+b1"),
        "{error}"
    );
    let map = ["a1", "a2+b1", "z"].map(str::to_owned).to_vec();
    let found = read_matched(&spec, &file(&tensors), &Matching { map, ..matching }).unwrap();
    assert_eq!(found.parameters[..4], [2.0, 4.0, 0.0, 0.0]);
    assert_eq!(found.parameters[4..10], folded[4..10]);
    // Without gain and shift, as with affine=False.
    let mut tensors = [weights(["a1", "a2", "z"]), norm("b1", 2.0), norm("b2", 2.0)].concat();
    tensors.retain(|tensor| !tensor.name.starts_with("b2.weight") && !tensor.name.starts_with("b2.bias"));
    let found = read_matched(&spec, &file(&tensors), &Matching { epsilon: 1.0, ..Matching::default() }).unwrap();
    assert_eq!(found.parameters[4..10], [0.5, 1.0, 1.5, 2.0, -1.0, -1.0]);
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
    let missing = text(&[Made::f32("a.bias", &[4], [0.0; 4])]);
    assert!(missing.contains("it has 0 weights where 1 are expected"), "{missing}");
    let left = [("a.weight", &[4, 1, 3, 3][..]), ("a.bias", &[4]), ("b.scale", &[4])];
    let left = text(&left.map(|(name, shape)| Made::f32(name, shape, vec![0.0; shape.iter().product()])));
    assert!(left.contains("b.scale belongs to none"), "{left}");
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
