/* TensorFlow Lite's 8-bit arithmetic, slow and plain: what the optimised functions must compute. */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <stdint.h>

/* A layer of (channels, rows, columns); square windows, the same stride and padding in both directions. */
typedef struct {
    enum { CONVOLUTION, MAXIMUM, AVERAGE } kind;
    int kernel, stride, padding;
    int inputs, input_size; /* channels; rows and columns */
    int outputs, output_size;
} layer;

/* The zero point of all maps. Outputs are clamped to ZERO_POINT..127, which includes the ReLU. */
#define ZERO_POINT (-128)

/*
 * Returns the output of channel `channel` at row `y`, column `x`. Maps are [row][column][channel], weights
 * [output][row][column][input]. The last four arguments are of a convolution; the result of the sum is multiplied by
 * `multiplier[channel]`·2^(`shift[channel]` − 31) and rounded.
 */
int8_t expected(const layer *layer, const int8_t *input, int y, int x, int channel, const int8_t *weights,
                const int32_t *bias, const int32_t *multiplier, const int32_t *shift);

#endif
