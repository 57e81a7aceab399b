/*
 * What CPU this is; see cpu.h. Features are those that CPU and kernel both support.
 */
#include "base/cpu.h"

#include <cpuid.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The brand string of leaves 0x80000002..4, blanks trimmed. */
static void read_name(char name[64])
{
    unsigned words[12] = {0};
    const char *text = (const char *)words;
    size_t n;

    for (unsigned leaf = 0; leaf < 3; leaf++)
        if (!__get_cpuid(0x80000002u + leaf, &words[4 * leaf], &words[4 * leaf + 1],
                         &words[4 * leaf + 2], &words[4 * leaf + 3]))
            break;
    while (*text == ' ')
        text++;
    n = strnlen(text, sizeof words - (size_t)(text - (const char *)words));
    while (n > 0 && text[n - 1] == ' ')
        n--;
    memcpy(name, text, n);
    name[n] = '\0';
}

static bool is_amd(void)
{
    unsigned words[4];

    return __get_cpuid(0, &words[0], &words[1], &words[3], &words[2]) &&
           memcmp(words + 1, "AuthenticAMD", 12) == 0;
}

static int64_t cache_bytes(int level)
{
    long n = sysconf(level);

    return n > 0 ? n : 0;
}

/* AMX needs the tile state enabled by the kernel: XCR0 bits 17 and 18. */
static bool has_tiles(void)
{
    unsigned eax, ebx, ecx, edx, low, high;

    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & (1u << 27)))
        return false;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 0x60000u) == 0x60000u;
}

tw_cpu tw_cpu_detect(void)
{
    tw_cpu cpu = {0};
    unsigned eax, ebx, ecx, edx;

    read_name(cpu.name);
    cpu.is_amd = is_amd();
    cpu.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    cpu.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (cpu.avx512 && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
        cpu.avx512_vnni = (ecx >> 11) & 1;
        cpu.amx_bf16 = ((edx >> 22) & 1) && ((edx >> 24) & 1) && has_tiles();
        if (__get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx))
            cpu.avx512_bf16 = (eax >> 5) & 1;
    }
    cpu.l1d_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE);
    cpu.l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE);
    cpu.l3_bytes = cache_bytes(_SC_LEVEL3_CACHE_SIZE);
    return cpu;
}

bool tw_cpu_ask_for_tiles(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
