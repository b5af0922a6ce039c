// rp2040.mjs RP2040JS ELF [SECONDS]: runs a program for the RP2040 on the emulator rp2040js (the npm package in the
// folder RP2040JS) and prints its output on UART 0. It ends after the line "RAM: …", the program's last one, or after
// SECONDS [300]. A computer is connected to the USB port; the program has to send the same lines there.
//
// Like the chip's boot ROM, it checks the checksum of the second boot stage at the beginning of flash, copies the stage
// to RAM and starts it there. Status 1: the checksum is wrong, the last line did not arrive in time, or USB has other
// lines.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';

const [library, elf, seconds = '300'] = process.argv.slice(2);
const { Simulator, USBCDC } = await import(pathToFileURL(resolve(library, 'node_modules/rp2040js/dist/esm/index.js')));

class Lines {
    lines = [];
    last = '';
    constructor(whole) {
        this.whole = whole;
    }
    add(byte) {
        if (byte !== 10) {
            this.last += byte === 13 ? '' : String.fromCharCode(byte);
            return;
        }
        this.lines.push(this.last);
        this.whole(this.last);
        this.last = '';
    }
}

const FLASH = 0x10000000;
const BOOT2 = 0x20041f00;

const simulator = new Simulator();
const chip = simulator.rp2040;
chip.flash.fill(0xff);
const file = readFileSync(elf);
const [offset, count] = [file.readUInt32LE(28), file.readUInt16LE(44)];
for (let i = 0; i < count; i++) {
    const at = offset + 32 * i;
    const [kind, from, , physical, size] = [0, 4, 8, 12, 16].map((field) => file.readUInt32LE(at + field));
    if (kind === 1 && size > 0) chip.flash.set(file.subarray(from, from + size), physical - FLASH);
}

// CRC-32/MPEG-2 of the first 252 bytes of the stage; its last 4 bytes contain it.
let crc = 0xffffffff;
for (const byte of chip.flash.subarray(0, 252)) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
}
if (crc >>> 0 !== chip.flashView.getUint32(252, true)) {
    console.error('the boot ROM would not start this program: the checksum of its boot stage is wrong');
    process.exit(1);
}
chip.sram.set(chip.flash.subarray(0, 256), BOOT2 - 0x20000000);
// The boot ROM's stack is below the stage. A stage that returns to 0 continues at the vector table.
chip.core.SP = BOOT2;
chip.core.LR = 0;
chip.core.PC = BOOT2;
// Invalid accesses are a failure of the program. Without a limit the emulator would report them for ever.
let faults = 0;
const report = (_, text) => {
    // Registers that the emulator does not have.
    if (text.startsWith('Unimplemented peripheral')) return;
    console.error(text);
    if (++faults > 20) process.exit(1);
};
chip.logger = { debug() {}, info() {}, warn: report, error: report };

const computer = new USBCDC(chip.usbCtrl);
// It sends nothing: a buffer for what it could send stays available. (The emulator takes it back at once, which no chip
// does.)
chip.usbCtrl.onEndpointRead = (endpoint) => {
    const control = 0x84 + 8 * endpoint;
    const available = 1 << 10;
    const value = chip.usbDPRAMView.getUint32(control, true);
    if (endpoint > 0) chip.usbDPRAMView.setUint32(control, value | available, true);
};

const uart = new Lines((line) => console.log(line));
const usb = new Lines(() => {});
chip.uart[0].onByte = (byte) => {
    uart.add(byte);
    endIfDone();
};
computer.onSerialData = (bytes) => {
    bytes.forEach((byte) => usb.add(byte));
    endIfDone();
};
function endIfDone() {
    if (![uart, usb].every(({ lines }) => lines.at(-1)?.startsWith('RAM: '))) return;
    const same = uart.lines.join('\n') === usb.lines.join('\n');
    if (!same) console.error('USB has other lines than UART 0:', usb.lines);
    process.exit(same ? 0 : 1);
}
simulator.execute();
setTimeout(() => {
    const [last, count] = [uart.last, usb.lines.length];
    console.error(`the program did not end in ${seconds} s; its last output: ${last}; USB has ${count} lines`);
    process.exit(1);
}, 1000 * Number(seconds));
