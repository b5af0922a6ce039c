//! Named architectures.

use crate::spec::Spec;

/// A named architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name.
    pub name: &'static str,
    /// Its architecture line.
    pub line: &'static str,
    /// Its origin or purpose, in one sentence.
    pub about: &'static str,
}

/// All presets.
///
/// The family `nin-11`, `nin-16`, `nin-19` answers the last exercise of the book's section on NiN: it applies NiN's two
/// ideas to VGG-11, -16 and -19. VGG has five stages of n 3×3 convolutions (n is 1, 1, 2, 2, 2 in VGG-11; 2, 2, 3, 3, 3
/// in VGG-16; 2, 2, 4, 4, 4 in VGG-19) with 64, 128, 256, 512, 512 channels. Each stage becomes one block, whose first
/// convolution is 3×3 and whose others are 1×1. VGG's three fully connected layers become a last block of three layers
/// that ends in the classes, and a global average. The number in the name still counts the layers with weights.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "d2l",
        line: "1x224x224 nin11/4:96,96,96 max3/2 nin5+2:256,256,256 max3/2 nin3+1:384,384,384 max3/2 drop0.5 nin3+1:10,10,10 gap",
        about: "the network of Dive into Deep Learning, section NiN",
    },
    Preset {
        name: "nin-cifar10",
        line: "3x32x32 nin5+2:192,160,96 max3/2+1 drop0.5 nin5+2:192,192,192 max3/2+1 drop0.5 nin3+1:192,192,10 gap",
        about: "the paper's network for CIFAR-10 (Lin, Chen, Yan 2013, section 4)",
    },
    Preset {
        name: "nin-imagenet",
        line: "3x227x227 nin11/4:96,96,96 max3/2 nin5+2:256,256,256 max3/2 nin3+1:384,384,384 max3/2 drop0.5 nin3+1:1024,1024,1000 gap",
        about: "the paper's authors' network for ImageNet, 7.6 million parameters",
    },
    Preset {
        name: "fashion",
        line: "1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:64,64,64 nin3+1:10,10,10 gap",
        about: "for 28×28 grey images on a board: 64 thousand parameters",
    },
    Preset {
        name: "fashion-tiny",
        line: "1x28x28 nin3+1:16,8 nin3+1:24,12 max3/2+1 nin3+1:28,16 nin3+1:32,16 max3/2+1 nin3+1:28,32 gap fc10",
        about: "for the smallest boards: 16 thousand parameters, 4 KiB of RAM in 8 bits",
    },
    Preset {
        name: "fashion-small",
        line: "1x28x28 nin3+1:32,32,16 nin3+1:40,40,24 max3/2+1 nin3+1:64,64,32 nin3+1:56,56,24 max3/2+1 nin3+1:48,48 gap fc10",
        about: "more accurate than fashion in the same memory, but slower: 64 thousand parameters",
    },
    Preset {
        name: "fashion-large",
        line: "1x28x28 nin3+1:48,48,32 nin3+1:64,64,48 max3/2+1 nin3+1:96,96,64 nin3+1:96,96,64 max3/2+1 nin3+1:128,128,64 nin3+1:64,64 gap fc10",
        about: "a teacher for distillation, or for boards with 320 KB of free flash: 299 thousand parameters",
    },
    Preset {
        name: "fashion-fast",
        line: "1x28x28 nin3+1:16 max3/2+1 dw3+1:40 res(dw3+1:40id) dw5/2+2:72 res(dw5+2:72id) res(dw5+2:72id) dw3/2+1:120 res(dw3+1:120id) gap fc10",
        about: "depthwise blocks with shortcuts: more accurate than fashion with under a third of its multiplications, 48 thousand parameters",
    },
    Preset {
        name: "mobilenet-0.25",
        line: "3x96x96 nin3/2+0,1:8 dw3+1:16 dw3/2+0,1:32 dw3+1:32 dw3/2+0,1:64 dw3+1:64 dw3/2+0,1:128 dw3+1:128 dw3+1:128 dw3+1:128 dw3+1:128 dw3+1:128 dw3/2+0,1:256 dw3+1:256 gap fc2",
        about: "MobileNetV1 with a quarter of its channels, as MLPerf Tiny detects persons",
    },
    Preset {
        name: "ds-cnn",
        line: "1x49x10 nin10x4/2+4,5x1:64 drop0.2 dw3+1:64 dw3+1:64 dw3+1:64 dw3+1:64 drop0.4 gap fc12",
        about: "depthwise separable convolutions for key words in 49 frames of 10 coefficients, as in MLPerf Tiny",
    },
    Preset {
        name: "resnet-8",
        line: "3x32x32 nin3+1:16 res(nin3+1:16 nin3+1:16id) proj(nin3/2+0,1:32 nin3+1:32id) proj(nin3/2+0,1:64 nin3+1:64id) gap fc10",
        about: "the residual network for 32×32 colour images of MLPerf Tiny",
    },
    Preset {
        name: "resnet-20",
        line: "3x32x32 nin3+1:16 res(nin3+1:16 nin3+1:16id) res(nin3+1:16 nin3+1:16id) res(nin3+1:16 nin3+1:16id) proj(nin3/2+1:32 nin3+1:32id) res(nin3+1:32 nin3+1:32id) res(nin3+1:32 nin3+1:32id) proj(nin3/2+1:64 nin3+1:64id) res(nin3+1:64 nin3+1:64id) res(nin3+1:64 nin3+1:64id) gap fc10",
        about: "the residual network for CIFAR-10 of He et al. 2016, with projections where shapes change: 272 thousand parameters",
    },
    Preset {
        name: "nin-11",
        line: "3x224x224 nin3+1:64 max2/2 nin3+1:128 max2/2 nin3+1:256,256 max2/2 nin3+1:512,512 max2/2 nin3+1:512,512 max2/2 drop0.5 nin3+1:512,512,1000 gap",
        about: "VGG-11's plan in NiN blocks",
    },
    Preset {
        name: "nin-16",
        line: "3x224x224 nin3+1:64,64 max2/2 nin3+1:128,128 max2/2 nin3+1:256,256,256 max2/2 nin3+1:512,512,512 max2/2 nin3+1:512,512,512 max2/2 drop0.5 nin3+1:512,512,1000 gap",
        about: "VGG-16's plan in NiN blocks",
    },
    Preset {
        name: "nin-19",
        line: "3x224x224 nin3+1:64,64 max2/2 nin3+1:128,128 max2/2 nin3+1:256,256,256,256 max2/2 nin3+1:512,512,512,512 max2/2 nin3+1:512,512,512,512 max2/2 drop0.5 nin3+1:512,512,1000 gap",
        about: "VGG-19's plan in NiN blocks",
    },
];

impl Spec {
    /// Returns the preset with that name, if there is one.
    pub const fn preset(name: &str) -> Option<Spec> {
        let mut i = 0;
        while i < PRESETS.len() {
            if same(PRESETS[i].name.as_bytes(), name.as_bytes()) {
                return Some(Spec::new(PRESETS[i].line));
            }
            i += 1;
        }
        None
    }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}
