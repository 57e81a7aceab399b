/* A vector of 4 floats in plain C, and 4 rows by 8 columns of sums. Products are rounded before
 * they are added, so the last digits differ from those of other paths. */
#include <math.h>
#include <string.h>

typedef float vec __attribute__((vector_size(16)));

enum { LANES = 4, ROWS = 4, VECS = 2 };

static inline vec vec_load_some(const float *from, int n)
{
    vec value = {0};

    memcpy(&value, from, (size_t)n * sizeof *from);
    return value;
}

static inline void vec_store_some(float *to, vec value, int n)
{
    memcpy(to, &value, (size_t)n * sizeof *to);
}

static inline vec vec_load(const float *from)
{
    return vec_load_some(from, LANES);
}

static inline void vec_store(float *to, vec value)
{
    vec_store_some(to, value, LANES);
}

static inline vec vec_all(float x)
{
    return (vec){x, x, x, x};
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return a * b + c;
}

static inline vec vec_max(vec a, vec b)
{
    vec larger;

    for (int i = 0; i < LANES; i++)
        larger[i] = a[i] > b[i] ? a[i] : b[i];
    return larger;
}

static inline vec vec_sqrt(vec x)
{
    vec root = {0};

    for (int i = 0; i < LANES; i++)
        root[i] = sqrtf(x[i]);
    return root;
}

static inline vec vec_zip_low(vec a, vec b)
{
    return (vec){a[0], b[0], a[1], b[1]};
}

static inline vec vec_zip_high(vec a, vec b)
{
    return (vec){a[2], b[2], a[3], b[3]};
}
