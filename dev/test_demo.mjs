// Tests the page that `nin-train demo` writes, in headless Chromium:
//
//     node dev/test_demo.mjs PAGE.html LOGITS.jsonl FOLDER PICTURE.png...
//
// LOGITS.jsonl has the output of `nin-train predict --logits` for the pictures. Screenshots and the pictures that the
// page saves are written to FOLDER, with their logits in saved.json. Needs the npm package playwright-core and
// Chromium; dev/check_demo.sh runs it.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [page_file, logits_file, folder, ...pictures] = process.argv.slice(2);
const picture = pictures[0];
const address = pathToFileURL(path.resolve(page_file)).href;
fs.mkdirSync(folder, { recursive: true });
const expected = fs.readFileSync(logits_file, "utf8").trim().split("\n").map(JSON.parse);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
});
let checks = 0;
const done = (what) => {
  checks++;
  console.log(`ok: ${what}`);
};

// Opens the page and collects errors of its console and its requests: `close` fails if there is one.
const open = async (options) => {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  const errors = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => /^(file|data|blob):/.test(request.url()) || errors.push(`request of ${request.url()}`));
  await page.goto(address);
  await page.waitForSelector("#main:not([hidden])");
  return { page, close: async () => { assert.deepEqual(errors, []); await context.close(); } };
};

const bits = (value) => new Uint32Array(new Float32Array([value]).buffer)[0].toString(16).padStart(8, "0");
const logits = (page) => page.$$eval("#logits tbody code", (cells) => cells.map((cell) => cell.textContent));
const answer = (page) => page.textContent("#answer span");
const dropped = (page, file) => page.evaluate(async ([base64, name]) => {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: "image/png" }));
  document.querySelector("#draw").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}, [fs.readFileSync(file).toString("base64"), path.basename(file)]);
const shows = (page, text) => page.waitForFunction((text) => document.querySelector("#answer").textContent.includes(text), text);
const saved = [];
const save = async (page, name) => {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
  const file = path.join(folder, name);
  await download.saveAs(file);
  saved.push({ file, logits: await logits(page) });
};

// ---- On a computer ----
{
  const { page, close } = await open({});
  assert.equal((await logits(page)).length, expected[0].logits.length);

  // A dropped picture has the logits of the command line, bit for bit.
  for (const [i, picture] of pictures.entries()) {
    await dropped(page, picture);
    await shows(page, path.basename(picture));
    assert.deepEqual(await logits(page), expected[i].logits.map(bits), picture);
  }
  done("dropped PNGs have the logits of predict");

  // Test images differ from each other. dev/check_demo.sh compares the logits of the saved ones.
  const buttons = await page.$$("#images button");
  assert.ok(buttons.length > 0, "there are test images");
  const seen = new Set();
  for (let i = 0; i < Math.min(buttons.length, 10); i++) {
    await page.click("#after");
    await save(page, `image-${i}.png`);
    seen.add((await logits(page)).join());
  }
  assert.equal(seen.size, Math.min(buttons.length, 10));
  assert.match(await page.textContent("#answer small"), /is .*: (right|wrong)/);
  done("test images differ");

  // A stroke changes the logits while it is drawn.
  await page.click("#clear");
  const empty = (await logits(page)).join();
  const box = await (await page.$("#draw")).boundingBox();
  const at = (x, y) => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...at(0.5, 0.2));
  await page.mouse.down();
  await page.mouse.move(...at(0.5, 0.8), { steps: 12 });
  await page.waitForTimeout(100);
  const drawing = (await logits(page)).join();
  assert.notEqual(drawing, empty);
  await page.mouse.move(...at(0.8, 0.8), { steps: 8 });
  await page.mouse.up();
  await page.waitForTimeout(100);
  assert.notEqual((await logits(page)).join(), drawing);
  await save(page, "stroke.png");
  done("a stroke is classified while it is drawn");

  // Inverting changes the logits; inverting again restores them.
  const before = await logits(page);
  await page.check("#invert");
  assert.notDeepEqual(await logits(page), before);
  await save(page, "inverted.png");
  await page.uncheck("#invert");
  assert.deepEqual(await logits(page), before);
  done("the picture is inverted");

  // The camera: Chromium's test picture moves.
  await page.click("#camera");
  await shows(page, "the camera");
  const first = (await logits(page)).join();
  await page.waitForFunction((first) => [...document.querySelectorAll("#logits tbody code")].map((c) => c.textContent).join() !== first, first);
  await page.click("#camera");
  done("the camera is classified");

  // The number of complete rows follows the slider; the last row completes every map.
  await page.click("#after");
  const last = Number(await page.getAttribute("#row", "max"));
  const captions = () => page.$$eval("#stages figcaption", (all) => all.map((one) => one.textContent));
  const set = (row) => page.$eval("#row", (slider, row) => { slider.value = row; slider.dispatchEvent(new Event("input")); }, row);
  const rows = async () => (await captions()).map((text) => Number(/, (\d+) rows?,/.exec(text)[1]));
  await set(0);
  assert.ok((await rows()).every((count) => count === 0), String(await captions()));
  let earlier = await rows();
  for (let row = 1; row <= last; row++) {
    await set(row);
    const now = await rows();
    assert.ok(now.every((count, i) => count >= earlier[i]), `${row}: ${now}`);
    assert.equal(now[0], row);
    earlier = now;
  }
  const heights = (await captions()).map((text) => Number(/ × (\d+) × /.exec(text)[1]));
  assert.deepEqual(earlier, heights);
  await page.click("#play");
  await page.waitForFunction(() => { const row = Number(document.querySelector("#row").value); return row > 2 && row < 20; });
  await page.click("#play");
  done("rows stream");

  await page.waitForFunction(() => document.querySelector("#time").textContent.includes("per image"));
  console.log(`    ${await page.textContent("#time")}`);

  // A file that is not a picture gives an error message.
  await page.evaluate(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["no picture"], "note.png", { type: "image/png" }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  });
  await page.waitForSelector("#problem:not([hidden])");
  assert.match(await page.textContent("#problem"), /note.png cannot be read/);
  await dropped(page, picture);
  await page.waitForSelector("#problem", { state: "hidden" });
  done("a broken picture is refused");

  // A pasted picture.
  await page.click("#clear");
  await page.evaluate(async (base64) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], "pasted.png", { type: "image/png" }));
    document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
  }, fs.readFileSync(picture).toString("base64"));
  await shows(page, "pasted.png");
  assert.deepEqual(await logits(page), expected[0].logits.map(bits));
  done("a pasted PNG has the logits of predict");
  await close();
}

// ---- By keyboard alone ----
{
  const { page, close } = await open({});
  await page.click("#clear");
  const empty = (await logits(page)).join();
  await page.focus("#draw");
  await page.keyboard.press(" ");
  for (let i = 0; i < 6; i++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press(" ");
  await page.waitForTimeout(100);
  const drawn = (await logits(page)).join();
  assert.notEqual(drawn, empty);
  await page.keyboard.press("ArrowRight");
  await page.waitForTimeout(50);
  assert.equal((await logits(page)).join(), drawn, "a lifted pen draws nothing");
  await page.keyboard.press("Delete");
  assert.equal((await logits(page)).join(), empty);
  // Tab reaches every control.
  const reached = new Set();
  await page.focus("#draw");
  for (let i = 0; i < 90; i++) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.parentElement.id));
  }
  for (const id of ["width", "clear", "open", "camera", "invert", "before", "images", "after", "play", "row", "save"]) {
    assert.ok(reached.has(id), `Tab does not reach #${id}`);
  }
  await page.focus("#images button");
  await page.keyboard.press("Enter");
  await shows(page, "test image 1");
  await page.focus("#row");
  await page.keyboard.press("ArrowLeft");
  assert.match(await page.textContent("#arrived"), new RegExp(`row ${Number(await page.getAttribute("#row", "max")) - 1} of`));
  done("everything works by keyboard");
  await close();
}

// ---- Without SIMD: the same bits ----
{
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript(() => { WebAssembly.validate = () => false; });
  await page.goto(address);
  await page.waitForSelector("#main:not([hidden])");
  await dropped(page, picture);
  await shows(page, path.basename(picture));
  assert.deepEqual(await logits(page), expected[0].logits.map(bits));
  await page.waitForFunction(() => document.querySelector("#time").textContent.includes("without SIMD"));
  console.log(`    ${await page.textContent("#time")}`);
  await context.close();
  done("without SIMD the logits are the same");
}

// ---- Computer and telephone, light and dark ----
for (const width of [1200, 390]) {
  for (const colorScheme of ["light", "dark"]) {
    const { page, close } = await open({ viewport: { width, height: 900 }, colorScheme, hasTouch: width < 500 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `the page is ${wide} pixels wider than ${width}`);
    const [light] = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
    assert.ok(colorScheme === "light" ? light > 200 : light < 60);
    await page.$eval("#row", (slider) => { slider.value = Math.round(slider.max * 0.6); slider.dispatchEvent(new Event("input")); });
    await page.waitForFunction(() => document.querySelector("#time").textContent !== "");
    await page.screenshot({ path: path.join(folder, `${width}-${colorScheme}.png`), fullPage: true });
    if (width === 1200 && colorScheme === "light") {
      await page.screenshot({ path: path.join(folder, "demo.png"), clip: { x: 0, y: 0, width: 1200, height: 1180 }, fullPage: true });
    }
    await close();
  }
}
done("wide and narrow, light and dark");

fs.writeFileSync(path.join(folder, "saved.json"), JSON.stringify(saved));
await browser.close();
console.log(`${checks} passed, 0 failed`);
