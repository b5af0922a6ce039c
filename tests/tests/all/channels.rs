//! Dead channels: the trainer must report those that the reference's maps show.

use nin_core::{Model, Plan, WeightType};
use nin_tests::mix;
use nin_tests::model_file::ModelFile;
use nin_tests::oracle::{self, Map};
use nin_tests::random;
use nin_train::data::Dataset;
use nin_train::report::channels::Channels;
use proptest::prelude::*;

proptest! {
    #![proptest_config(random::config(300))]

    #[test]
    fn dead_channels_are_those_that_are_0_everywhere(case in random::case(), images in 1usize..150) {
        let (plan, shape) = (Plan::new(case.spec), case.spec.input());
        // Large negative biases make every third channel dead, at any width; others may be dead too.
        let mut parameters = case.parameters();
        let mut end = 0;
        for layer in plan.layers().filter(|layer| layer.has_weights()) {
            end += layer.parameters();
            let biases = &mut parameters[end - usize::from(layer.output.channels)..end];
            biases.iter_mut().skip(2).step_by(3).for_each(|bias| *bias = -1e9);
        }
        let file = ModelFile::plain(case.spec, parameters.clone(), WeightType::F32, 4).aligned();
        let model = Model::read(&file).unwrap();
        let bytes: Vec<u8> = (0..images * shape.len()).map(|i| mix::mix(case.seed ^ i as u64) as u8).collect();
        let data = Dataset::new(bytes, shape, vec![0; images], vec!["all".into()]).unwrap();

        let layers = plan.layers().enumerate().filter(|(_, layer)| layer.has_weights() && layer.relu);
        let layers: Vec<_> = layers.collect();
        let mut alive: Vec<_> =
            layers.iter().map(|(_, layer)| vec![false; usize::from(layer.output.channels)]).collect();
        for image in 0..images {
            let map = Map { shape, values: data.image(image).iter().map(|&byte| f32::from(byte)).collect() };
            let steps = oracle::layers(&oracle::forward(&case.spec, &parameters, &map));
            for ((at, _), alive) in layers.iter().zip(&mut alive) {
                for pixel in steps[*at].map.values.chunks_exact(alive.len()) {
                    alive.iter_mut().zip(pixel).for_each(|(alive, value)| *alive |= *value > 0.0);
                }
            }
        }
        let want: Vec<_> = alive.iter().map(|layer| layer.iter().filter(|&&alive| !alive).count()).collect();
        let found = Channels::observe(&model, &data, &|_| {}).unwrap();
        prop_assert_eq!(found.layers.iter().map(|layer| layer.layer).collect::<Vec<_>>(), layers.iter().map(|(_, layer)| *layer).collect::<Vec<_>>());
        prop_assert_eq!(found.layers.iter().map(|layer| layer.dead).collect::<Vec<_>>(), want);
    }
}
