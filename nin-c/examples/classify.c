/*
 * Classifies the ten test images of Fashion-MNIST: first the network asks for the rows of an image, then the program
 * pushes them, as a camera would. Prints each class, or "none of these", and the bits of its logits. Status 1 if there
 * is an error.
 *
 * model.h:    nin-train export model.nin --c model.h
 * images.inc: the images' bytes as a list of numbers
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nin.h"

#include "model.h"

#define IMAGES 10
#define IMAGE_BYTES (MODEL_ROWS * MODEL_ROW_BYTES)

static const uint8_t images[IMAGES * IMAGE_BYTES] = {
#include "images.inc"
};

/* The memory of the network, aligned to NIN_ALIGNMENT bytes. */
static uint64_t state[(MODEL_STATE_BYTES + 7) / 8];

/* Reads a row; on a board, from the camera. */
static int read_row(void *context, size_t y, uint8_t *row)
{
    const uint8_t *image = context;
    memcpy(row, image + y * MODEL_ROW_BYTES, MODEL_ROW_BYTES);
    return 0;
}

/* Ends the program if there is an error. */
static void check(NinStatus status)
{
    if (status != NIN_OK) {
        printf("error %" PRId32 ": %s\n", (int32_t)status, nin_status_text(status));
        exit(EXIT_FAILURE);
    }
}

int main(void)
{
    NinNetwork *network;
    check(nin_open(MODEL, sizeof MODEL, state, sizeof state, &network));

    for (int i = 0; i < IMAGES; i++) {
        const uint8_t *image = images + i * IMAGE_BYTES;
        const float *logits;
        check(nin_run(network, read_row, (void *)image, &logits));

        float asked[MODEL_CLASSES];
        memcpy(asked, logits, sizeof asked);
        int32_t answer = nin_answer(network, logits);
        char name[32] = "none of these";
        if (answer != NIN_UNKNOWN && nin_class_name(network, (size_t)answer, name, sizeof name) == 0)
            snprintf(name, sizeof name, "class %" PRId32, answer);
        printf("image %d: %s\n    logits", i, name);
        for (int class = 0; class < MODEL_CLASSES; class++) {
            uint32_t bits;
            memcpy(&bits, &logits[class], sizeof bits);
            printf(" %08" PRIx32, bits);
        }
        printf("\n");

        /* The same image, row by row as it arrives. */
        for (size_t y = 0; y < MODEL_ROWS; y++)
            check(nin_push(network, image + y * MODEL_ROW_BYTES, MODEL_ROW_BYTES));
        check(nin_finish(network, &logits));
        if (memcmp(logits, asked, sizeof asked) != 0) {
            printf("error: pushed rows give other logits\n");
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}
