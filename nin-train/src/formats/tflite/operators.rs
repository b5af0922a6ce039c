//! The names of TensorFlow Lite's operators, by their number in its schema.

/// `ADD`.
pub const ADD: i32 = 0;
/// `AVERAGE_POOL_2D`.
pub const AVERAGE_POOL_2D: i32 = 1;
/// `CONV_2D`.
pub const CONV_2D: i32 = 3;
/// `DEPTHWISE_CONV_2D`.
pub const DEPTHWISE_CONV_2D: i32 = 4;
/// `DEQUANTIZE`.
pub const DEQUANTIZE: i32 = 6;
/// `FULLY_CONNECTED`.
pub const FULLY_CONNECTED: i32 = 9;
/// `LOGISTIC`.
pub const LOGISTIC: i32 = 14;
/// `MAX_POOL_2D`.
pub const MAX_POOL_2D: i32 = 17;
/// `MUL`.
pub const MUL: i32 = 18;
/// `RELU`.
pub const RELU: i32 = 19;
/// `RELU6`.
pub const RELU6: i32 = 21;
/// `RESHAPE`.
pub const RESHAPE: i32 = 22;
/// `SOFTMAX`.
pub const SOFTMAX: i32 = 25;
/// `PAD`.
pub const PAD: i32 = 34;
/// `MEAN`.
pub const MEAN: i32 = 40;
/// `SUB`.
pub const SUB: i32 = 41;
/// `SQUEEZE`.
pub const SQUEEZE: i32 = 43;
/// `SHAPE`.
pub const SHAPE: i32 = 77;
/// `QUANTIZE`.
pub const QUANTIZE: i32 = 114;

/// Returns why an operator that is not one of the family cannot be imported, as the end of a sentence.
pub fn reason(code: i32) -> &'static str {
    match name(code) {
        "RESIZE_BILINEAR" | "RESIZE_NEAREST_NEIGHBOR" | "TRANSPOSE_CONV" | "DEPTH_TO_SPACE" => {
            "makes an image larger; rows cannot be streamed through it"
        }
        "CONCATENATION" | "PACK" => "joins several maps; a stage of a line has one input",
        "SPLIT" | "SPLIT_V" | "UNPACK" => "cuts a map into several; a stage of a line has one output",
        "RELU" | "RELU6" => "is not fused with the operator before it; convert the model with default optimisations",
        "MUL" | "SUB" | "DIV" => "combines maps with each other or with constants; only shortcuts are added",
        "LOGISTIC" | "TANH" | "HARD_SWISH" | "PRELU" | "LEAKY_RELU" | "ELU" | "GELU" | "RELU_N1_TO_1" => {
            "is an activation that lines do not have; they have ReLU and ReLU6"
        }
        "LSTM"
        | "UNIDIRECTIONAL_SEQUENCE_LSTM"
        | "BIDIRECTIONAL_SEQUENCE_LSTM"
        | "RNN"
        | "UNIDIRECTIONAL_SEQUENCE_RNN"
        | "BIDIRECTIONAL_SEQUENCE_RNN"
        | "SVDF" => "is recurrent; a line describes a network of one image",
        _ => "is none that lines have: convolutions, pools, averages, shortcuts, fully connected layers",
    }
}

/// Returns an operator's name.
pub fn name(code: i32) -> &'static str {
    usize::try_from(code).ok().and_then(|code| NAMES.get(code)).copied().unwrap_or("an unknown operator")
}

/// Returns the operator's name as this list has it.
pub fn by_name(name: &str) -> &'static str {
    NAMES.iter().find(|known| **known == name).copied().unwrap_or("an unknown operator")
}

const NAMES: &[&str] = &[
    "ADD",
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "DEPTH_TO_SPACE",
    "DEQUANTIZE",
    "EMBEDDING_LOOKUP",
    "FLOOR",
    "FULLY_CONNECTED",
    "HASHTABLE_LOOKUP",
    "L2_NORMALIZATION",
    "L2_POOL_2D",
    "LOCAL_RESPONSE_NORMALIZATION",
    "LOGISTIC",
    "LSH_PROJECTION",
    "LSTM",
    "MAX_POOL_2D",
    "MUL",
    "RELU",
    "RELU_N1_TO_1",
    "RELU6",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RNN",
    "SOFTMAX",
    "SPACE_TO_DEPTH",
    "SVDF",
    "TANH",
    "CONCAT_EMBEDDINGS",
    "SKIP_GRAM",
    "CALL",
    "CUSTOM",
    "EMBEDDING_LOOKUP_SPARSE",
    "PAD",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    "GATHER",
    "BATCH_TO_SPACE_ND",
    "SPACE_TO_BATCH_ND",
    "TRANSPOSE",
    "MEAN",
    "SUB",
    "DIV",
    "SQUEEZE",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "STRIDED_SLICE",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "EXP",
    "TOPK_V2",
    "SPLIT",
    "LOG_SOFTMAX",
    "DELEGATE",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "CAST",
    "PRELU",
    "MAXIMUM",
    "ARG_MAX",
    "MINIMUM",
    "LESS",
    "NEG",
    "PADV2",
    "GREATER",
    "GREATER_EQUAL",
    "LESS_EQUAL",
    "SELECT",
    "SLICE",
    "SIN",
    "TRANSPOSE_CONV",
    "SPARSE_TO_DENSE",
    "TILE",
    "EXPAND_DIMS",
    "EQUAL",
    "NOT_EQUAL",
    "LOG",
    "SUM",
    "SQRT",
    "RSQRT",
    "SHAPE",
    "POW",
    "ARG_MIN",
    "FAKE_QUANT",
    "REDUCE_PROD",
    "REDUCE_MAX",
    "PACK",
    "LOGICAL_OR",
    "ONE_HOT",
    "LOGICAL_AND",
    "LOGICAL_NOT",
    "UNPACK",
    "REDUCE_MIN",
    "FLOOR_DIV",
    "REDUCE_ANY",
    "SQUARE",
    "ZEROS_LIKE",
    "FILL",
    "FLOOR_MOD",
    "RANGE",
    "RESIZE_NEAREST_NEIGHBOR",
    "LEAKY_RELU",
    "SQUARED_DIFFERENCE",
    "MIRROR_PAD",
    "ABS",
    "SPLIT_V",
    "UNIQUE",
    "CEIL",
    "REVERSE_V2",
    "ADD_N",
    "GATHER_ND",
    "COS",
    "WHERE",
    "RANK",
    "ELU",
    "REVERSE_SEQUENCE",
    "MATRIX_DIAG",
    "QUANTIZE",
    "MATRIX_SET_DIAG",
    "ROUND",
    "HARD_SWISH",
    "IF",
    "WHILE",
    "NON_MAX_SUPPRESSION_V4",
    "NON_MAX_SUPPRESSION_V5",
    "SCATTER_ND",
    "SELECT_V2",
    "DENSIFY",
    "SEGMENT_SUM",
    "BATCH_MATMUL",
    "PLACEHOLDER_FOR_GREATER_OP_CODES",
    "CUMSUM",
    "CALL_ONCE",
    "BROADCAST_TO",
    "RFFT2D",
    "CONV_3D",
    "IMAG",
    "REAL",
    "COMPLEX_ABS",
    "HASHTABLE",
    "HASHTABLE_FIND",
    "HASHTABLE_IMPORT",
    "HASHTABLE_SIZE",
    "REDUCE_ALL",
    "CONV_3D_TRANSPOSE",
    "VAR_HANDLE",
    "READ_VARIABLE",
    "ASSIGN_VARIABLE",
    "BROADCAST_ARGS",
    "RANDOM_STANDARD_NORMAL",
    "BUCKETIZE",
    "RANDOM_UNIFORM",
    "MULTINOMIAL",
    "GELU",
    "DYNAMIC_UPDATE_SLICE",
    "RELU_0_TO_1",
    "UNSORTED_SEGMENT_PROD",
    "UNSORTED_SEGMENT_MAX",
    "UNSORTED_SEGMENT_SUM",
    "ATAN2",
    "UNSORTED_SEGMENT_MIN",
    "SIGN",
    "BITCAST",
    "BITWISE_XOR",
];
