//! The tables of a TensorFlow Lite model: tensors and operators, read on demand.

use super::error::TfLiteError;
use super::flatbuffer::{Damaged, Table, Vector};
use super::operators;

/// The bytes after a file's first offset.
pub const IDENTIFIER: &[u8; 4] = b"TFL3";
/// The most operators of a model: a line has far fewer.
const MOST_OPERATORS: usize = 1_000;
/// The most inputs of an operator: none of the family has more than three.
const MOST_INPUTS: usize = 16;

/// A model with one subgraph.
#[derive(Debug)]
pub struct Graph<'a> {
    tensors: Vector<'a>,
    buffers: Vector<'a>,
    /// The operators in the order of execution.
    pub operators: Vec<Operator<'a>>,
    /// The tensor that the caller writes.
    pub input: usize,
    /// The tensor that the caller reads.
    pub output: usize,
    /// Bytes of the file.
    pub bytes: usize,
}

/// An operator.
#[derive(Clone, Debug)]
pub struct Operator<'a> {
    /// Its place among the operators.
    pub index: usize,
    /// Its number in the schema.
    pub code: i32,
    /// Its input tensors; `None` is an input that is left out.
    pub inputs: Vec<Option<usize>>,
    /// Its first output.
    pub output: usize,
    options: Option<Table<'a>>,
}

/// The type of a tensor's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 32-bit floats.
    Float,
    /// 16-bit floats.
    Half,
    /// 8-bit integers.
    Int8,
    /// 32-bit integers.
    Int32,
    /// Any other type.
    Other,
}

/// A tensor.
#[derive(Clone, Debug)]
pub struct Tensor<'a> {
    /// Rows of the shape; at most four.
    pub shape: Vec<usize>,
    /// The type of its values.
    pub kind: Kind,
    /// Its values, if they are constant.
    pub data: &'a [u8],
    scales: Vector<'a>,
    zeros: Vector<'a>,
}

/// Scale and zero point of a map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantization {
    /// The value of one step.
    pub scale: f32,
    /// The byte that stands for 0, from −128 to 127.
    pub zero: i32,
}

impl Quantization {
    /// The zero point of unsigned bytes.
    pub fn unsigned_zero(self) -> u8 {
        (self.zero + 128) as u8
    }
}

impl<'a> Graph<'a> {
    /// Reads a file's operators.
    pub fn read(file: &'a [u8]) -> Result<Self, TfLiteError> {
        if file.get(4..8) != Some(IDENTIFIER) {
            return Err(TfLiteError::Model("has no identifier, `TFL3`".to_owned()));
        }
        let model = Table::root(file)?;
        let codes = model.vector(1, 4)?;
        let graphs = model.vector(2, 4)?;
        if graphs.len() != 1 {
            return Err(TfLiteError::Model(format!("has {} subgraphs; one can be imported", graphs.len())));
        }
        let graph = graphs.table(0)?;
        let listed = graph.vector(3, 4)?;
        if listed.len() > MOST_OPERATORS {
            let problem = format!("has {} operators; at most {MOST_OPERATORS} can be imported", listed.len());
            return Err(TfLiteError::Model(problem));
        }
        let operators = (0..listed.len()).map(|index| Operator::read(index, listed.table(index)?, codes));
        let inputs = graph.vector(1, 4)?;
        if inputs.len() != 1 {
            return Err(TfLiteError::Model(format!("has {} inputs; a network has one image", inputs.len())));
        }
        let outputs = graph.vector(2, 4)?;
        if outputs.len() != 1 {
            return Err(TfLiteError::Model(format!("has {} outputs; a network has one answer", outputs.len())));
        }
        Ok(Self {
            tensors: graph.vector(0, 4)?,
            buffers: model.vector(4, 4)?,
            operators: operators.collect::<Result<_, TfLiteError>>()?,
            input: usize::try_from(inputs.int(0)?).map_err(|_| Damaged)?,
            output: usize::try_from(outputs.int(0)?).map_err(|_| Damaged)?,
            bytes: file.len(),
        })
    }

    /// Returns a tensor.
    pub fn tensor(&self, index: usize) -> Result<Tensor<'a>, TfLiteError> {
        let table = self.tensors.table(index)?;
        let shape = table.vector(0, 4)?;
        if shape.len() > 4 {
            return Err(TfLiteError::Model(format!("has a tensor of {} dimensions; a map has four", shape.len())));
        }
        let shape = (0..shape.len()).map(|i| usize::try_from(shape.int(i)?).map_err(|_| Damaged));
        let kind = match table.byte(1)? {
            0 => Kind::Float,
            1 => Kind::Half,
            2 => Kind::Int32,
            9 => Kind::Int8,
            _ => Kind::Other,
        };
        let buffer = usize::try_from(table.int(2, 0)?).map_err(|_| Damaged)?;
        let data = match buffer {
            0 => &[],
            buffer => self.buffers.table(buffer)?.vector(0, 1)?.raw(1)?,
        };
        let (scales, zeros) = match table.table(4)? {
            Some(quantization) => (quantization.vector(2, 4)?, quantization.vector(3, 8)?),
            None => (Vector::EMPTY, Vector::EMPTY),
        };
        Ok(Tensor { shape: shape.collect::<Result<_, Damaged>>()?, kind, data, scales, zeros })
    }

    /// Returns the operators that read a tensor; one that only asks for its shape does not.
    pub fn readers(&self, tensor: usize) -> Vec<&Operator<'a>> {
        let reads = |operator: &&Operator<'_>| operator.inputs.contains(&Some(tensor));
        self.operators.iter().filter(reads).filter(|operator| operator.code != operators::SHAPE).collect()
    }
}

impl<'a> Operator<'a> {
    fn read(index: usize, table: Table<'a>, codes: Vector<'a>) -> Result<Self, TfLiteError> {
        let code = codes.table(usize::try_from(table.int(0, 0)?).map_err(|_| Damaged)?)?;
        // Old files have the number in a byte.
        let code = code.int(3, 0)?.max(i32::from(code.byte(0)?));
        let (listed, outputs) = (table.vector(1, 4)?, table.vector(2, 4)?);
        let mut operator = Self { index, code, inputs: Vec::new(), output: 0, options: table.table(4)? };
        if listed.len() > MOST_INPUTS || outputs.len() != 1 {
            let problem =
                format!("has {} inputs and {} outputs, and no operator that streams does", listed.len(), outputs.len());
            return Err(operator.problem(problem));
        }
        operator.output = usize::try_from(outputs.int(0)?).map_err(|_| Damaged)?;
        let inputs = (0..listed.len()).map(|i| Ok(usize::try_from(listed.int(i)?).ok()));
        operator.inputs = inputs.collect::<Result<_, Damaged>>()?;
        Ok(operator)
    }

    /// Returns an error that names the operator; `problem` continues the sentence.
    pub fn problem(&self, problem: impl Into<String>) -> TfLiteError {
        TfLiteError::Operator { index: self.index, name: operators::name(self.code), problem: problem.into() }
    }

    /// Returns the tensor of input `number`.
    pub fn input(&self, number: usize) -> Result<usize, TfLiteError> {
        self.inputs.get(number).copied().flatten().ok_or_else(|| self.problem(format!("has no input {number}")))
    }

    /// Returns a byte of its options.
    pub fn byte(&self, number: usize) -> Result<u8, TfLiteError> {
        Ok(self.options.map_or(Ok(0), |options| options.byte(number))?)
    }

    /// Returns an int of its options.
    pub fn int(&self, number: usize, default: i32) -> Result<i32, TfLiteError> {
        Ok(self.options.map_or(Ok(default), |options| options.int(number, default))?)
    }
}

impl Tensor<'_> {
    /// Returns the values of a constant vector of ints.
    pub fn ints(&self) -> impl ExactSizeIterator<Item = i32> {
        self.data.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes))
    }

    /// Returns scale and zero point of a map of 8-bit integers, or of weights with one scale; `None` if it has others.
    pub fn quantization(&self) -> Result<Option<Quantization>, TfLiteError> {
        if self.kind != Kind::Int8 || self.scales.len() != 1 || self.zeros.len() > 1 {
            return Ok(None);
        }
        let scale = self.scales.float(0)?;
        let zero = if self.zeros.len() == 0 { 0 } else { self.zeros.long(0)? };
        let valid = scale > 0.0 && scale.is_finite() && (-128..=127).contains(&zero);
        Ok(valid.then_some(Quantization { scale, zero: zero as i32 }))
    }

    /// Returns the scale of each of `outputs` outputs of weights; `None` if they have others or zero points.
    pub fn weight_scales(&self, outputs: usize) -> Result<Option<Vec<f32>>, TfLiteError> {
        let count = self.scales.len();
        if self.kind != Kind::Int8 || (count != outputs && count != 1) || self.zeros.len() > count {
            return Ok(None);
        }
        for i in 0..self.zeros.len() {
            if self.zeros.long(i)? != 0 {
                return Ok(None);
            }
        }
        let scales = (0..outputs).map(|i| self.scales.float(if count == 1 { 0 } else { i }));
        let scales = scales.collect::<Result<Vec<f32>, Damaged>>()?;
        Ok(scales.iter().all(|scale| *scale > 0.0 && scale.is_finite()).then_some(scales))
    }

    /// Whether the weights have one scale for all outputs.
    pub fn has_one_scale(&self) -> bool {
        self.scales.len() == 1
    }
}
