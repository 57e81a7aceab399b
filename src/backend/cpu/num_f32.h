/* Numbers that are multiplied as float32, one at once, for a path that has said its vec. */
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

static inline void nums_store(num *to, nums value)
{
    vec_store(to, value);
}

static inline nums nums_of(const vec rows[STEP])
{
    return rows[0];
}

static inline nums nums_all(const num *from)
{
    return vec_all(*from);
}

static inline vec nums_fma(nums a, nums b, vec c)
{
    return vec_fma(a, b, c);
}
