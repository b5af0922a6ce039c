/*
 * The start of the program, a count of instructions from SysTick, and output by semihosting, on QEMU's mps3-an547 and
 * mps2-an386. SYSTICK is the frequency of SysTick in Hz. With -icount shift=0, an instruction takes one nanosecond of
 * virtual time.
 */
#include "board.h"

#define SYST_CSR (*(volatile uint32_t *)0xE000E010)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018)
#define CPACR (*(volatile uint32_t *)0xE000ED88)

#define RELOAD 0xFFFFFFu

/* The number of overflows of SysTick, which has 24 bits. */
static volatile uint32_t turns;

uint64_t instructions(void)
{
    uint32_t before, left;
    do {
        before = turns;
        left = SYST_CVR;
    } while (turns != before);
    const uint64_t ticks = (uint64_t)before * (RELOAD + 1) + (RELOAD - left);
    return ticks * 1000 / (SYSTICK / 1000000);
}

static int semihosting(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt #0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void print(const char *text)
{
    semihosting(0x04, text);
}

void print_number(uint64_t number)
{
    char text[22];
    char *first = &text[21];
    *first = 0;
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    *--first = ' ';
    print(first);
}

void end(int failed)
{
    /* ADP_Stopped_ApplicationExit or ADP_Stopped_RunTimeErrorUnknown. */
    semihosting(0x18, (const void *)(failed ? 0x20023u : 0x20026u));
    for (;;)
        ;
}

static void fault(void)
{
    print("fault\n");
    end(1);
}

static void tick(void)
{
    turns++;
}

void reset(void)
{
    /* Enables the floating-point unit, and Helium where there is one. */
    CPACR |= 0xFu << 20;
    __asm__ volatile("dsb\n\tisb");
    turns = 0;
    SYST_RVR = RELOAD;
    SYST_CVR = 0;
    SYST_CSR = 7;
    benchmark();
    end(0);
}

extern uint32_t stack_top;

__attribute__((section(".vectors"), used)) static const struct {
    const uint32_t *stack;
    void (*handlers[15])(void);
} vectors = {&stack_top, {reset, fault, fault, fault, fault, fault, fault, 0, 0, 0, fault, fault, 0, fault, tick}};
