//! Files of other programs that hold networks, and how to convert each.

use std::fmt;

use super::{onnx, tflite};

/// The kind of a file that another program wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// A TensorFlow Lite model.
    TfLite,
    /// An ONNX model.
    Onnx,
    /// What `torch.save` writes: `.pth`, `.pt`.
    Torch,
    /// An HDF5 file, as older versions of Keras write.
    Hdf5,
    /// A Keras archive, `.keras`.
    Keras,
    /// Arrays of NumPy, `.npy` or `.npz`.
    NumPy,
    /// A graph of TensorFlow, `.pb`.
    TensorFlow,
    /// A GGUF file.
    Gguf,
}

impl Foreign {
    /// Returns the kind of a file, recognised by its first bytes; `None` if it is none of these.
    pub fn of(file: &[u8]) -> Option<Self> {
        // A zip archive names its files in clear text: at the beginning the first, at the end all.
        let names = |name: &[u8]| {
            let ends = [&file[..file.len().min(4096)], &file[file.len().saturating_sub(65_536)..]];
            ends.iter().any(|part| part.windows(name.len()).any(|window| window == name))
        };
        match file {
            _ if tflite::is_tflite(file) => Some(Self::TfLite),
            [0x89, b'H', b'D', b'F', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Hdf5),
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some(Self::NumPy),
            [b'G', b'G', b'U', b'F', ..] => Some(Self::Gguf),
            [b'P', b'K', 3, 4, ..] if names(b"data.pkl") => Some(Self::Torch),
            [b'P', b'K', 3, 4, ..] if names(b"model.weights.h5") => Some(Self::Keras),
            [b'P', b'K', 3, 4, ..] if names(b".npy") => Some(Self::NumPy),
            // A pickle of protocol 2 to 5.
            [0x80, 2..=5, ..] => Some(Self::Torch),
            _ if onnx::is_onnx(file) => Some(Self::Onnx),
            // A `SavedModel` begins with its schema version, 1, and the length of its first graph.
            [8, 1, 0x12, ..] => Some(Self::TensorFlow),
            _ => None,
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TfLite => "this is a TensorFlow Lite model; convert it with `nin-train import FILE.tflite --out FILE.nin`",
            Self::Onnx => "this is an ONNX model; convert it with `nin-train import FILE.onnx --out FILE.nin`",
            Self::Torch => {
                "this is a PyTorch file, which holds Python objects; in Python, write \
                 `safetensors.torch.save_file(model.state_dict(), \"net.safetensors\")` or \
                 `torch.onnx.export(model, image, \"net.onnx\")`, then import that file"
            }
            Self::Hdf5 | Self::Keras => {
                "this is a Keras file; in Python, write \
                 `open(\"net.tflite\", \"wb\").write(tf.lite.TFLiteConverter.from_keras_model(model).convert())` or use \
                 tf2onnx, then import that file"
            }
            Self::NumPy => "these are arrays of NumPy, not a network; write the weights with safetensors.numpy.save_file",
            Self::TensorFlow => {
                "this is a TensorFlow graph; in Python, write \
                 `open(\"net.tflite\", \"wb\").write(tf.lite.TFLiteConverter.from_saved_model(folder).convert())`, then \
                 import that file"
            }
            Self::Gguf => "this is a GGUF file, which holds a language model, not a network for images",
        })
    }
}
