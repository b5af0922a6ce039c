//! Why operators are outside of the family.

/// Returns why an operator that is none of the family cannot be imported, as the end of a sentence.
pub(super) fn reason(op: &str) -> &'static str {
    match op {
        "Resize" | "Upsample" | "ConvTranspose" | "DepthToSpace" => {
            "makes an image larger; rows cannot be streamed through it"
        }
        "Concat" => "joins several maps; a stage of a line has one input",
        "Split" | "Slice" | "Gather" => "cuts a map; a stage of a line reads whole rows",
        "Mul" | "Sub" | "Div" | "Add" => "combines maps with each other; only the two ends of a shortcut are added",
        "Sigmoid" | "Tanh" | "HardSwish" | "HardSigmoid" | "PRelu" | "LeakyRelu" | "Elu" | "Gelu" | "Selu"
        | "Softplus" | "Swish" | "Mish" | "Erf" => "is an activation that lines do not have; they have ReLU and ReLU6",
        "LSTM" | "GRU" | "RNN" => "is recurrent; a line describes a network of one image",
        "Attention" | "MultiHeadAttention" => {
            "is attention, which reads all pixels at once; rows cannot be streamed through it"
        }
        "LayerNormalization" | "InstanceNormalization" | "GroupNormalization" => {
            "normalises each image by its own numbers; a line has no such layer"
        }
        "ConvInteger" | "MatMulInteger" | "DynamicQuantizeLinear" => {
            "is for maps whose scale is found at run time; quantise the model with quantize_static of onnxruntime"
        }
        _ => "is none that lines have: convolutions, pools, averages, shortcuts, fully connected layers",
    }
}
