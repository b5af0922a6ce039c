/* The board: a count of instructions, and output to the emulator. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

/* Returns the number of instructions since the start, exact to a tick of SysTick: 40 instructions at 25 MHz. */
uint64_t instructions(void);

/* Prints a text. */
void print(const char *text);

/* Prints a space and a number. */
void print_number(uint64_t number);

/* Ends the emulator with status 0, or 1 after an error. */
void end(int failed);

/* The program. */
void benchmark(void);

#endif
