#include "reference.h"

#ifdef CMSIS_NN_USE_SINGLE_ROUNDING
/* MultiplyByQuantizedMultiplier with TFLITE_SINGLE_ROUNDING. */
static int32_t requantize(int32_t value, int32_t multiplier, int32_t shift)
{
    const int right = 31 - shift;
    return (int32_t)(((int64_t)value * multiplier + ((int64_t)1 << (right - 1))) >> right);
}
#else
/* SaturatingRoundingDoublingHighMul of gemmlowp, without the case that saturates. */
static int32_t doubling_high_product(int32_t a, int32_t b)
{
    const int64_t product = (int64_t)a * b;
    return (int32_t)((product + (product >= 0 ? 1 << 30 : 1 - (1 << 30))) / ((int64_t)1 << 31));
}

/* MultiplyByQuantizedMultiplier of TensorFlow Lite: rounds twice, halves away from zero. */
static int32_t requantize(int32_t value, int32_t multiplier, int32_t shift)
{
    const int left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    const int32_t high = doubling_high_product(value * (1 << left), multiplier);
    const int32_t mask = (1 << right) - 1;
    return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0));
}
#endif

static int32_t clamp(int32_t value)
{
    return value < ZERO_POINT ? ZERO_POINT : value > 127 ? 127 : value;
}

int8_t expected(const layer *layer, const int8_t *input, int y, int x, int channel, const int8_t *weights,
                const int32_t *bias, const int32_t *multiplier, const int32_t *shift)
{
    const int size = layer->input_size, channels = layer->inputs, kernel = layer->kernel;
    int32_t sum = layer->kind == CONVOLUTION ? bias[channel] : 0, largest = ZERO_POINT, count = 0;
    for (int row = 0; row < kernel; row++) {
        for (int column = 0; column < kernel; column++) {
            const int from_y = y * layer->stride - layer->padding + row;
            const int from_x = x * layer->stride - layer->padding + column;
            if (from_y < 0 || from_y >= size || from_x < 0 || from_x >= size)
                continue;
            const int8_t *pixel = input + (from_y * size + from_x) * channels;
            if (layer->kind == CONVOLUTION) {
                const int8_t *weight = weights + ((channel * kernel + row) * kernel + column) * channels;
                for (int i = 0; i < channels; i++)
                    sum += (pixel[i] - ZERO_POINT) * weight[i];
            } else {
                sum += pixel[channel];
                largest = pixel[channel] > largest ? pixel[channel] : largest;
                count++;
            }
        }
    }
    switch (layer->kind) {
    case CONVOLUTION:
        return (int8_t)clamp(requantize(sum, multiplier[channel], shift[channel]) + ZERO_POINT);
    case MAXIMUM:
        return (int8_t)largest;
    default:
        return (int8_t)clamp((sum > 0 ? sum + count / 2 : sum - count / 2) / count);
    }
}
