/* Numbers of V and U that are float32, one channel at once, for a path that has said its vec. */
typedef float num;
typedef vec nums;

enum { STEP = 1 };

static inline void num_store(num *to, vec value)
{
    vec_store(to, value);
}

static inline nums nums_load(const num *from)
{
    return vec_load(from);
}

static inline nums nums_all(const num *from)
{
    return vec_all(*from);
}

static inline vec nums_fma(nums a, nums b, vec c)
{
    return vec_fma(a, b, c);
}
