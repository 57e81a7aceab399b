/*
 * Writes little labelled data for the tests of the program: make_data FOLDER N_TRAIN N_TEST.
 * IDX files with MNIST's names; 28x28 pictures whose class (0..3) is where the bright bar lies,
 * with deterministic noise.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 28, CLASSES = 4 };

static uint32_t random_state = 12345;

static uint32_t next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 16;
}

static void put_u32(FILE *file, uint32_t value)
{
    const unsigned char bytes[] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                                   (unsigned char)(value >> 8), (unsigned char)value};
    fwrite(bytes, 1, sizeof bytes, file);
}

static void put_picture(FILE *file, int label)
{
    int shift = (int)(next_random() % 5);

    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            int along = label % 2 ? y : x;
            int across = label < 2 ? 6 + shift : 16 + shift;
            int bright = along >= across && along < across + 5;
            fputc((bright ? 200 : 0) + (int)(next_random() % 40), file);
        }
}

static int write_part(const char *folder, const char *part, uint32_t n)
{
    char path[512];
    FILE *images, *labels;

    snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte", folder, part);
    images = fopen(path, "wb");
    snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte", folder, part);
    labels = fopen(path, "wb");
    if (!images || !labels)
        return 1;
    put_u32(images, 2051);
    put_u32(images, n);
    put_u32(images, SIDE);
    put_u32(images, SIDE);
    put_u32(labels, 2049);
    put_u32(labels, n);
    for (uint32_t i = 0; i < n; i++) {
        fputc((int)(i % CLASSES), labels);
        put_picture(images, (int)(i % CLASSES));
    }
    return fclose(images) | fclose(labels);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    return write_part(argv[1], "train", (uint32_t)atoi(argv[2])) |
           write_part(argv[1], "t10k", (uint32_t)atoi(argv[3]));
}
