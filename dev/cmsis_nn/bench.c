/*
 * Runs the layers of `fashion` and `d2l` with CMSIS-NN's functions for 8 bits, counts the instructions of each layer,
 * and compares each output with TensorFlow Lite's arithmetic. Weights, biases, scales and the image are random; the
 * counts hardly depend on them.
 *
 * Prints one line for each layer:
 *
 *     layer KIND KERNEL OUTPUTS ROWS COLUMNS MACS INSTRUCTIONS
 *
 * and for each network its name, the bytes of the largest pair of input and output map, and of the largest scratch
 * buffer.
 */
#include <arm_nnfunctions.h>
#include <stddef.h>

#include "board.h"
#include "reference.h"

/* A layer as a network's line writes it: the size of its input follows from the layer before. */
typedef struct {
    int kind, kernel, stride, padding, outputs;
} step;

#define NIN(kernel, stride, padding, a, b, c)                                                        \
    {CONVOLUTION, kernel, stride, padding, a}, {CONVOLUTION, 1, 1, 0, b}, {CONVOLUTION, 1, 1, 0, c}
#define MAX_POOL {MAXIMUM, 3, 2, 0, 0}
#define GLOBAL_AVERAGE(size) {AVERAGE, size, 1, 0, 0}
#define END {0, 0, 0, 0, 0}

/* nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:64,64,64 nin3+1:10,10,10 gap */
static const step fashion[] = {
    NIN(5, 1, 2, 32, 32, 32), MAX_POOL, NIN(3, 1, 1, 48, 48, 48), MAX_POOL, NIN(3, 1, 1, 64, 64, 64),
    NIN(3, 1, 1, 10, 10, 10), GLOBAL_AVERAGE(6), END,
};

/* nin11/4:96,96,96 max3/2 nin5+2:256,256,256 max3/2 nin3+1:384,384,384 max3/2 drop0.5 nin3+1:10,10,10 gap */
static const step d2l[] = {
    NIN(11, 4, 0, 96, 96, 96), MAX_POOL, NIN(5, 1, 2, 256, 256, 256), MAX_POOL, NIN(3, 1, 1, 384, 384, 384), MAX_POOL,
    NIN(3, 1, 1, 10, 10, 10), GLOBAL_AVERAGE(5), END,
};

#define CHANNELS 384
#define LARGE __attribute__((section(".large"), aligned(16)))

/* Two maps in turn, and the weights of one layer, in a memory that is larger than the chip's RAM. The largest are those
 * of d2l: 96×54×54, and 256×5×5×96 weights. */
static int8_t maps[2][96 * 54 * 54] LARGE;
static int8_t weights[256 * 5 * 5 * 96] LARGE;
static int8_t scratch[64 * 1024] LARGE;
static int32_t bias[CHANNELS], multiplier[CHANNELS], shift[CHANNELS];

static uint32_t state = 1;

/* Returns 32 random bits (xorshift). */
static uint32_t random_bits(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* Splits a factor less than one into a multiplier of 2^30..2^31 and a shift. */
static void split(double factor, int32_t *multiplier, int32_t *shift)
{
    *shift = 0;
    while (factor < 0.5) {
        factor *= 2;
        --*shift;
    }
    *multiplier = (int32_t)(factor * 2147483647.0);
}

/* Fills a convolution's weights, biases and scales, so that its outputs spread over their range. */
static void fill(const layer *layer)
{
    const int fan_in = layer->kernel * layer->kernel * layer->inputs;
    for (int i = 0; i < fan_in * layer->outputs; i++)
        weights[i] = (int8_t)(random_bits() % 255 - 127);
    double root = 1;
    for (int i = 0; i < 40; i++)
        root = (root + fan_in / root) / 2;
    for (int i = 0; i < layer->outputs; i++) {
        bias[i] = (int32_t)(random_bits() % 4000) - 2000;
        split((20 + random_bits() % 40) / (74 * 60 * root), &multiplier[i], &shift[i]);
    }
}

/* Runs a layer; returns its number of instructions. */
static uint64_t run(const layer *layer, const int8_t *input, int8_t *output, int32_t *buffer_size)
{
    const cmsis_nn_dims in = {1, layer->input_size, layer->input_size, layer->inputs};
    const cmsis_nn_dims out = {1, layer->output_size, layer->output_size, layer->outputs};
    const cmsis_nn_tile stride = {layer->stride, layer->stride}, padding = {layer->padding, layer->padding};
    const cmsis_nn_activation activation = {ZERO_POINT, 127};
    const cmsis_nn_pool_params pool = {stride, padding, activation};
    const cmsis_nn_conv_params convolution = {-ZERO_POINT, ZERO_POINT, stride, padding, {1, 1}, activation};
    const cmsis_nn_per_channel_quant_params scales = {multiplier, shift};
    const cmsis_nn_dims pool_window = {1, layer->kernel, layer->kernel, 1};
    const cmsis_nn_dims window = {layer->outputs, layer->kernel, layer->kernel, layer->inputs};
    const cmsis_nn_dims biases = {1, 1, 1, layer->outputs};

    *buffer_size = 0;
    if (layer->kind == CONVOLUTION)
        *buffer_size = arm_convolve_wrapper_s8_get_buffer_size(&convolution, &in, &window, &out);
    if (layer->kind == AVERAGE)
        *buffer_size = arm_avgpool_s8_get_buffer_size(layer->output_size, layer->inputs);
    const cmsis_nn_context context = {scratch, *buffer_size};
    arm_cmsis_nn_status status = ARM_CMSIS_NN_FAILURE;
    if (*buffer_size > (int32_t)sizeof scratch)
        return 0;

    const uint64_t start = instructions();
    switch (layer->kind) {
    case CONVOLUTION:
        status = arm_convolve_wrapper_s8(&context, &convolution, &scales, &in, input, &window, weights, &biases, bias,
                                         &out, output);
        break;
    case MAXIMUM:
        status = arm_max_pool_s8(&context, &pool, &in, input, &pool_window, &out, output);
        break;
    case AVERAGE:
        status = arm_avgpool_s8(&context, &pool, &in, input, &pool_window, &out, output);
        break;
    }
    const uint64_t took = instructions() - start;
    return status == ARM_CMSIS_NN_SUCCESS ? took : 0;
}

/* Compares each output with the reference. Also fails if fewer than an eighth of a convolution's outputs are inside the
 * range: clamped outputs would hide an error. */
static int right(const layer *layer, const int8_t *input, const int8_t *output)
{
    int inside = 0, size = layer->output_size;
    for (int y = 0; y < size; y++) {
        for (int x = 0; x < size; x++) {
            for (int channel = 0; channel < layer->outputs; channel++) {
                const int8_t value = *output++;
                if (value != expected(layer, input, y, x, channel, weights, bias, multiplier, shift))
                    return 0;
                inside += value > ZERO_POINT && value < 127;
            }
        }
    }
    return layer->kind != CONVOLUTION || inside * 8 >= size * size * layer->outputs;
}

static void network(const char *name, const step *step, int size)
{
    static const char *const kinds[] = {"convolution", "maximum", "average"};
    int channels = 1, from = 0;
    int32_t largest_pair = 0, largest_buffer = 0;
    print("network ");
    print(name);
    print("\n");
    for (int i = 0; i < size * size; i++)
        maps[0][i] = (int8_t)random_bits();
    for (; step->kernel; step++) {
        const layer layer = {
            step->kind, step->kernel, step->stride, step->padding, channels, size,
            step->kind == CONVOLUTION ? step->outputs : channels,
            (size + 2 * step->padding - step->kernel) / step->stride + 1,
        };
        if (layer.kind == CONVOLUTION)
            fill(&layer);
        int32_t buffer;
        const uint64_t took = run(&layer, maps[from], maps[!from], &buffer);
        const int pixels = layer.output_size * layer.output_size;
        print("layer ");
        print(kinds[layer.kind]);
        print_number((uint64_t)layer.kernel);
        print_number((uint64_t)layer.outputs);
        print_number((uint64_t)layer.output_size);
        print_number((uint64_t)layer.output_size);
        print_number(layer.kind == CONVOLUTION
                         ? (uint64_t)pixels * layer.outputs * layer.inputs * layer.kernel * layer.kernel
                         : 0);
        print_number(took);
        print("\n");
        if (took == 0 || !right(&layer, maps[from], maps[!from])) {
            print("error: the outputs are not those of the reference\n");
            end(1);
        }
        const int32_t pair = size * size * channels + pixels * layer.outputs;
        largest_pair = pair > largest_pair ? pair : largest_pair;
        largest_buffer = buffer > largest_buffer ? buffer : largest_buffer;
        channels = layer.outputs;
        size = layer.output_size;
        from = !from;
    }
    print("maps");
    print_number((uint64_t)largest_pair);
    print("\nscratch");
    print_number((uint64_t)largest_buffer);
    print("\n");
}

void benchmark(void)
{
    network("fashion", fashion, 28);
    network("d2l", d2l, 224);
}
