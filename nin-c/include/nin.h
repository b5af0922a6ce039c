/*
 * nin.h: runs Network in Network image classifiers; see docs/c.md.
 *
 * Generated from nin-c/src by cbindgen: do not edit.
 *
 * No function allocates memory or changes global data. Functions may run at the same time, in threads or interrupts,
 * if they work on different networks.
 */

#ifndef NIN_H
#define NIN_H

#include <stddef.h>
#include <stdint.h>

/**
 * The memory of a network begins at a multiple of this number of bytes.
 */
#define NIN_ALIGNMENT 8

/**
 * Bytes of a network's memory besides the working memory that `nin-train plan` prints: at most this number, and for a
 * network with float weights four bytes more for each byte of a row.
 */
#define NIN_NETWORK_BYTES 1536

/**
 * The answer of `nin_answer` for an image of none of the classes.
 */
#define NIN_UNKNOWN -1

/**
 * The result of a function: `NIN_OK`, or what is wrong. `nin_status_text` returns its text.
 */
enum NinStatus
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * No error.
     */
    NIN_OK = 0,
    /**
     * A pointer is NULL.
     */
    NIN_NULL = 1,
    /**
     * The file ends early.
     */
    NIN_FILE_TRUNCATED = 10,
    /**
     * Bytes follow the end of the file.
     */
    NIN_FILE_TRAILING_BYTES = 11,
    /**
     * The file does not begin as a model file does.
     */
    NIN_FILE_NO_MODEL = 12,
    /**
     * The file has a version that this library does not read.
     */
    NIN_FILE_VERSION = 13,
    /**
     * The file is damaged: its checksum is wrong.
     */
    NIN_FILE_CHECKSUM = 14,
    /**
     * The file was written with a mistake, or by a newer program: its checksum is right, but one of its parts is not
     * valid.
     */
    NIN_FILE_INVALID = 15,
    /**
     * The file does not begin at a multiple of four bytes.
     */
    NIN_FILE_ALIGNMENT = 16,
    /**
     * The weights have a type that this library was built without.
     */
    NIN_FILE_WEIGHT_TYPE = 17,
    /**
     * The weights are packed for another processor.
     */
    NIN_FILE_PACKING = 18,
    /**
     * The memory for the network is too small.
     */
    NIN_STATE_TOO_SMALL = 30,
    /**
     * The memory for the network does not begin at a multiple of `NIN_ALIGNMENT` bytes.
     */
    NIN_STATE_ALIGNMENT = 31,
    /**
     * The callback could not read a row.
     */
    NIN_ROW_NOT_READ = 40,
    /**
     * A row has another length than the network's rows.
     */
    NIN_ROW_LENGTH = 41,
    /**
     * The image already has all its rows.
     */
    NIN_ROW_TOO_MANY = 42,
    /**
     * Rows are missing; the image was dropped.
     */
    NIN_ROW_MISSING = 43,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum NinStatus NinStatus;
#else
typedef int32_t NinStatus;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The type in which a model's weights are stored.
 */
enum NinWeightType
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * 32-bit floats.
     */
    NIN_F32 = 1,
    /**
     * 16-bit floats.
     */
    NIN_F16 = 2,
    /**
     * 8-bit integers.
     */
    NIN_INT8 = 3,
    /**
     * 4-bit integers in some or all layers, 8-bit integers in the others.
     */
    NIN_INT4 = 4,
    /**
     * 8-bit integers with zero points, of models from TensorFlow Lite and of networks with depthwise layers or shortcuts.
     */
    NIN_AFFINE = 5,
    /**
     * The same with 4-bit integers in some or all layers; it needs the features `affine` and `int4`.
     */
    NIN_AFFINE_INT4 = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum NinWeightType NinWeightType;
#else
typedef int32_t NinWeightType;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A network: a model and the working memory of one image. Its content is private.
 */
typedef struct NinNetwork NinNetwork;

/**
 * A class and its logit.
 */
typedef struct NinClass {
    /**
     * The number of the class, from 0.
     */
    uint32_t index;
    /**
     * Its logit.
     */
    float logit;
} NinClass;

/**
 * Shapes, weight type and memory of a model.
 */
typedef struct NinInfo {
    /**
     * Rows of an image.
     */
    uint16_t rows;
    /**
     * Columns of an image.
     */
    uint16_t columns;
    /**
     * Channels of an image: 1 (grey) or 3 (red, green, blue), or another number.
     */
    uint16_t channels;
    /**
     * The number of classes, which is the number of logits.
     */
    uint16_t classes;
    /**
     * The type of the weights.
     */
    NinWeightType weight_type;
    /**
     * Bytes of a row of the image: columns x channels.
     */
    size_t row_bytes;
    /**
     * Bytes of memory that `nin_open` needs for this model.
     */
    size_t state_bytes;
} NinInfo;

/**
 * Writes row `y` of an image to `row`: columns x channels bytes, channels last (red, green, blue). Returns 0, or
 * another number if the row cannot be read; `nin_run` then stops with `NIN_ROW_NOT_READ`. `context` is the argument of
 * `nin_run`.
 */
typedef int (*NinReadRow)(void *context, size_t y, uint8_t *row);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Returns the class with the largest of `count` logits, the first one if several are equal; -1 if there is no logit.
 * Every number counts as larger than NaN.
 *
 * # Safety
 *
 * `logits` is NULL or points to `count` floats.
 */
int32_t nin_argmax(const float *logits,
                   size_t count);

/**
 * Writes the `most` classes with the largest of `count` logits to `top`, largest first, and returns their number: less
 * than `most` if there are fewer classes. Equal logits are in the order of their classes, NaN is last.
 *
 * # Safety
 *
 * `logits` is NULL or points to `count` floats; `top` is NULL or points to `most` elements.
 */
size_t nin_top_k(const float *logits,
                 size_t count,
                 struct NinClass *top,
                 size_t most);

/**
 * Turns `count` logits into probabilities, in place: to display results. Use `nin_argmax` to choose the class. The
 * error of a probability is at most 0.001.
 *
 * # Safety
 *
 * `logits` is NULL or points to `count` floats that the program may change; not those of a network.
 */
void nin_softmax(float *logits,
                 size_t count);

/**
 * Checks a model file of `length` bytes: its checksum, and that every part is valid. Writes its shapes and memory to
 * `info`, which may be NULL. `nin_open` does the same check.
 *
 * # Safety
 *
 * `file` is NULL or points to `length` bytes, `info` is NULL or points to a `NinInfo`.
 */
NinStatus nin_check(const void *file,
                    size_t length,
                    struct NinInfo *info);

/**
 * Returns the bytes of memory that `nin_open` needs for a model file of `length` bytes; 0 if the file is not valid.
 *
 * # Safety
 *
 * `file` is NULL or points to `length` bytes.
 */
size_t nin_state_bytes(const void *file,
                       size_t length);

/**
 * Checks a model file of `length` bytes and makes a network of it in the `bytes` bytes from `memory` on. Writes the
 * network's address to `network`, or NULL if there is an error. The file stays where it is and is not copied, so it
 * must not change; the memory belongs to the network as long as the program uses it.
 *
 * # Safety
 *
 * `file` is NULL or points to `length` bytes, `memory` is NULL or points to `bytes` bytes that nothing else uses, and
 * `network` is NULL or points to a pointer.
 */
NinStatus nin_open(const void *file,
                   size_t length,
                   void *memory,
                   size_t bytes,
                   struct NinNetwork **network);

/**
 * Runs one image through the network: calls `read_row` for each row in order, with `context` as its first argument.
 * Rows of another image that were pushed but not finished are dropped. Writes the address of the logits to `logits`,
 * one float for each class; they are valid until the network is used again. If there is an error, it writes NULL.
 *
 * # Safety
 *
 * `network` is NULL or from `nin_open`, and nothing else uses it meanwhile; `logits` is NULL or points to a pointer.
 * `read_row` writes only the bytes of the row.
 */
NinStatus nin_run(struct NinNetwork *network,
                  NinReadRow read_row,
                  void *context,
                  const float **logits);

/**
 * Takes the next row of an image, if the camera drives the timing: `length` bytes, which must be columns x channels.
 * The network copies them. After the last row, `nin_finish` returns the logits. A row with an error is ignored.
 *
 * # Safety
 *
 * `network` is NULL or from `nin_open`, and nothing else uses it meanwhile; `row` is NULL or points to `length` bytes.
 */
NinStatus nin_push(struct NinNetwork *network,
                   const uint8_t *row,
                   size_t length);

/**
 * Writes the address of the logits of an image whose rows were pushed to `logits`, as `nin_run` does. The next row
 * begins the next image. If rows are missing, the image is dropped.
 *
 * # Safety
 *
 * As for `nin_run`.
 */
NinStatus nin_finish(struct NinNetwork *network,
                     const float **logits);

/**
 * Returns the class of an image with these logits. Returns `NIN_UNKNOWN` if the logits are below the threshold of the
 * model file, as NaN is, or if its class for unknown images has the largest one. For a model with neither, the answer is
 * that of `nin_argmax`. `logits` are those of `nin_run` or `nin_finish`, or a copy.
 *
 * # Safety
 *
 * `network` is NULL or from `nin_open`; `logits` is NULL or points to a float for each class of the model.
 */
int32_t nin_answer(const struct NinNetwork *network,
                   const float *logits);

/**
 * Turns the logits of an image into probabilities with the temperature of the model file, which calibrates them on
 * validation images: to display results. Writes one for each class to `probabilities`, which may be `logits` if these
 * are a copy.
 *
 * # Safety
 *
 * `network` is NULL or from `nin_open`; `logits` and `probabilities` are NULL or point to a float for each class of the
 * model. The program may change those of `probabilities`; they are not the logits of a network.
 */
void nin_probabilities(const struct NinNetwork *network,
                       const float *logits,
                       float *probabilities);

/**
 * Writes the name of class `index` to `name`, which holds `size` bytes, and a zero byte after it; a name that is too
 * long is cut. Returns the length of the whole name in bytes: 0 if the model has no names or there is no such class.
 * Names are UTF-8.
 *
 * # Safety
 *
 * `network` is NULL or from `nin_open`; `name` is NULL or points to `size` bytes.
 */
size_t nin_class_name(const struct NinNetwork *network,
                      size_t index,
                      char *name,
                      size_t size);

/**
 * Returns the text of a status, one line that ends with a zero byte; of another number, "unknown status". The text is
 * constant.
 */
const char *nin_status_text(int32_t status);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* NIN_H */
