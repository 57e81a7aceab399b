/* What CPU this is: name, features that the kernels care about, cache sizes. */
#ifndef TW_BASE_CPU_H
#define TW_BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tw_cpu {
    char name[64]; /* brand string, trimmed */
    bool is_amd;
    bool avx2, avx512, avx512_bf16, avx512_vnni, amx_bf16;
    int64_t l1d_bytes, l2_bytes, l3_bytes; /* a core's, 0 unknown */
} tw_cpu;

tw_cpu tw_cpu_detect(void);

/* AMX's tiles are lent to a process that asks; true: all its threads may use them. */
bool tw_cpu_ask_for_tiles(void);

#endif
