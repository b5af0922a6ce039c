/*
 * The start of a program on an Arm MPS2 board with a Cortex-M4F (QEMU's mps2-an386). Newlib does the rest: its _start
 * prepares memory and calls main, and its printf writes to the debugger or emulator by semihosting.
 */
#include <stdint.h>

extern uint32_t stack_top;
void _start(void);

static void reset(void)
{
    /* Enables the floating-point unit. */
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20;
    __asm__ volatile("dsb\n\tisb");
    _start();
    for (;;)
        ;
}

/* Ends the emulator with status 1, by semihosting. */
static void fault(void)
{
    __asm__ volatile("movs r0, #0x18\n\tmovw r1, #0x0023\n\tmovt r1, #0x0002\n\tbkpt #0xAB");
    for (;;)
        ;
}

__attribute__((section(".vectors"), used)) static const struct {
    const uint32_t *stack;
    void (*handlers[15])(void);
} vectors = {&stack_top, {reset, fault, fault, fault, fault, fault}};
