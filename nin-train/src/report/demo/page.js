"use strict";
(async () => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const grouped = (number) => number.toLocaleString("en-US");
  const { rows, columns, channels } = data.input;
  const pixels = rows * columns;

  document.title = `${data.name}: Network in Network`;
  $("name").textContent = data.name;
  $("about").textContent = `${data.line} · ${grouped(data.parameters)} parameters in ${data.weights}`;

  // ---- The engine: the code that runs on a board, as WebAssembly ----

  const fail = (text) => {
    $("problem").textContent = text;
    $("problem").hidden = false;
  };
  let engine;
  const simd = bytesOf(data.engineSimd);
  const vectors = WebAssembly.validate(simd);
  try {
    engine = (await WebAssembly.instantiate(vectors ? simd : bytesOf(data.engine), {})).instance.exports;
  } catch (error) {
    return fail(`This browser cannot run the engine: ${error.message}`);
  }
  const memory = (Type, at, length) => new Type(engine.memory.buffer, at, length);
  const model = bytesOf(data.model);
  const at = engine.reserve(model.length);
  memory(Uint8Array, at, model.length).set(model);
  if (!at || !engine.open(at, model.length)) return fail("The model in this page is damaged.");
  const input = () => memory(Uint8Array, engine.input(), pixels * channels);
  const logits = () => memory(Float32Array, engine.logits(), data.classes.length);
  // Memory for a picture; the engine never takes memory back, so it grows only when a picture is larger.
  let room = { at: 0, length: 0 };
  const fit = ({ data: rgba, width, height }) => {
    if (rgba.length > room.length) {
      room = { at: engine.reserve(rgba.length), length: rgba.length };
      if (!room.at) {
        room.length = 0;
        throw new Error("the picture is too large for this browser's memory");
      }
    }
    memory(Uint8Array, room.at, rgba.length).set(rgba);
    return engine.fit_picture(room.at, height, width);
  };

  // ---- The picture ----

  const draw = $("draw");
  const scale = Math.max(1, Math.floor(448 / Math.max(rows, columns)));
  draw.width = columns * scale;
  draw.height = rows * scale;
  const paint = draw.getContext("2d", { willReadFrequently: true });
  const pictures = channels === 1 || channels === 3;
  // Grey data sets are light on black, as MNIST is; colours are for paper.
  const ground = channels === 1 ? "#000000" : "#ffffff";
  $("colour").value = channels === 1 ? "#ffffff" : "#1c2127";
  $("colour-label").hidden = channels === 1;
  $("dark-label").hidden = channels !== 1;
  const ink = () => (channels === 1 ? ($("dark").checked ? "#000000" : "#ffffff") : $("colour").value);

  // The bytes before they are inverted, the label of a test image, and what to call the picture.
  let bytes = new Uint8Array(pixels * channels);
  let shown = { label: null, what: "" };

  const fromCanvas = () => {
    fit(paint.getImageData(0, 0, draw.width, draw.height));
    bytes = input().slice();
  };
  // Paints bytes of the network's shape, each pixel as a square: the canvas reduces to the same bytes.
  const toCanvas = (bytes) => {
    const small = pictureOf(bytes);
    paint.imageSmoothingEnabled = false;
    paint.drawImage(small, 0, 0, draw.width, draw.height);
    paint.imageSmoothingEnabled = true;
  };
  const pictureOf = (bytes, map = null) => {
    const canvas = make("canvas", { width: columns, height: rows });
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    for (let i = 0; i < pixels; i++) {
      for (let c = 0; c < 3; c++) {
        const level = bytes[i * channels + (channels === 3 ? c : 0)];
        image.data[4 * i + c] = map ? map(level) : level;
      }
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    return canvas;
  };

  const clear = () => {
    paint.fillStyle = ground;
    paint.fillRect(0, 0, draw.width, draw.height);
    changed("");
  };
  // The canvas has changed: by drawing, or to another picture.
  const changed = (what) => {
    fromCanvas();
    show({ label: null, what });
  };

  // ---- The answer ----

  const softmax = (logits) => {
    const most = Math.max(...logits);
    const powers = Array.from(logits, (logit) => Math.exp(logit - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((power) => power / sum);
  };
  // The first of equal ones, as on the board.
  const argmax = (values) => values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
  const bits = (value) => new Uint32Array(new Float32Array([value]).buffer)[0].toString(16).padStart(8, "0");

  // One line for each class, or the best ten of many, in an order that does not change while one draws.
  const LINES = 12;
  const lines = data.classes.slice(0, LINES).map(() => {
    const name = make("span", { className: "name" });
    const bar = make("i");
    const share = make("span", { className: "share" });
    const line = make("li", {}, name, make("span", { className: "track" }, bar), share);
    $("classes").append(line);
    return { line, name, bar, share };
  });
  const cells = data.classes.map((name) => {
    const value = make("td", { className: "right" });
    const code = make("code");
    $("logits").tBodies[0].append(make("tr", {}, make("td", { textContent: name }), value, make("td", {}, code)));
    return { value, code };
  });

  const answer = () => {
    const found = Array.from(logits());
    const probabilities = softmax(found.map((logit) => logit / data.temperature));
    // A model that was calibrated rejects images unlike those it was trained on.
    const accepted = engine.accepted();
    const best = argmax(found);
    const order = data.classes.map((_, i) => i);
    if (order.length > LINES) order.sort((a, b) => probabilities[b] - probabilities[a] || a - b);
    lines.forEach(({ line, name, bar, share }, i) => {
      const index = order[i];
      name.textContent = name.title = data.classes[index];
      bar.style.width = `${100 * probabilities[index]}%`;
      share.textContent = `${(100 * probabilities[index]).toFixed(1)} %`;
      line.className = index === best ? "best" : "";
    });
    cells.forEach(({ value, code }, i) => {
      value.textContent = found[i].toFixed(4);
      code.textContent = bits(found[i]);
    });
    const title = make("span", { textContent: accepted ? `${data.classes[best]}, ${(100 * probabilities[best]).toFixed(1)} %` : "None of these" });
    const note = make("small");
    if (shown.label !== null) {
      const right = accepted && shown.label === best;
      note.append(`${shown.what} is ${data.classes[shown.label]}: `, make("span", { className: right ? "right" : "wrong", textContent: right ? "right" : "wrong" }));
    } else {
      note.textContent = shown.what;
    }
    $("answer").replaceChildren(title, note);
    return best;
  };

  // ---- Maps ----

  const STOPS = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
  const warm = (value) => {
    const place = Math.min(Math.max(value, 0), 1) * (STOPS.length - 1);
    const first = Math.min(Math.floor(place), STOPS.length - 2);
    return STOPS[first].map((a, c) => a + (STOPS[first + 1][c] - a) * (place - first));
  };
  const WARM = Array.from({ length: 256 }, (_, i) => warm(i / 255));
  // Paints values from 0 to `most` as a picture.
  const heat = (values, width, height, most) => {
    const canvas = make("canvas", { width, height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    values.forEach((value, i) => {
      const colour = WARM[Math.round(255 * Math.min(Math.max(value / (most || 1), 0), 1))];
      image.data.set([...colour, 255], 4 * i);
    });
    context.putImageData(image, 0, 0);
    return canvas;
  };

  // The maps that the stages read; the picture is the first.
  const stages = data.maps.map((map, number) => {
    const canvas = make("canvas", { width: map.columns, height: map.rows });
    const caption = make("figcaption");
    $("stages").append(make("figure", {}, canvas, caption));
    // On the screen a pixel of a small map is many, so that frames of rows are thin.
    const zoom = Math.max(1, Math.ceil(200 / Math.max(map.rows, map.columns)));
    canvas.width *= zoom;
    canvas.height *= zoom;
    canvas.setAttribute("role", "img");
    return { ...map, number, canvas, caption, zoom, whole: null };
  });

  const valuesOf = (map) => memory(Float32Array, engine.maps() + 4 * map.offset, map.rows * map.columns * map.channels);
  const readMaps = () => {
    stages.forEach((map, number) => {
      if (number === 0) {
        map.whole = pictureOf(input());
        return;
      }
      const values = valuesOf(map);
      const means = new Float32Array(map.rows * map.columns);
      for (let i = 0; i < means.length; i++) {
        let sum = 0;
        for (let c = 0; c < map.channels; c++) sum += values[i * map.channels + c];
        means[i] = sum / map.channels;
      }
      map.whole = heat(means, map.columns, map.rows, means.reduce((a, b) => Math.max(a, b), 0));
    });
    classMaps();
  };

  // ---- Row by row ----

  const style = getComputedStyle(document.documentElement);
  $("row").max = rows;
  $("row").value = rows;
  const showRows = () => {
    const arrived = Number($("row").value);
    $("arrived").textContent = `row ${arrived} of ${rows}`;
    const trace = memory(Uint16Array, engine.trace(), rows * data.stages);
    const complete = (map) => (map.stage === null ? arrived : arrived === 0 ? 0 : trace[(arrived - 1) * data.stages + map.stage]);
    const accent = style.getPropertyValue("--accent");
    for (const map of stages) {
      const done = complete(map);
      // Rows of a pool that are not complete share the memory of those that are.
      const begun = done > 0 && done < map.rows ? Math.min(map.gathering, map.rows - done) : 0;
      const end = done + begun;
      const first = Math.max(0, end - map.kept);
      const context = map.canvas.getContext("2d");
      const { width, height } = map.canvas;
      context.clearRect(0, 0, width, height);
      context.imageSmoothingEnabled = false;
      const strip = (from, to, alpha) => {
        if (to <= from) return;
        context.globalAlpha = alpha;
        context.drawImage(map.whole, 0, from, map.columns, to - from, 0, from * map.zoom, width, (to - from) * map.zoom);
        context.globalAlpha = 1;
      };
      strip(0, Math.min(first, done), 0.28);
      strip(first, done, 1);
      strip(done, end, 0.55);
      const kept = end - first;
      if (kept > 0) {
        const line = Math.max(2, width / 100);
        context.strokeStyle = accent;
        context.lineWidth = line;
        context.strokeRect(line / 2, first * map.zoom + line / 2, width - line, Math.max(kept * map.zoom - line, 1));
      }
      const where = map.kept === 0 ? "passed on at once" : `${kept} in memory: ${grouped(kept * map.rowBytes)} of ${grouped(map.rows * map.rowBytes)} bytes`;
      const text = `${map.channels} × ${map.rows} × ${map.columns}, ${done} ${done === 1 ? "row" : "rows"}, ${where}`;
      map.caption.replaceChildren(make("b", { textContent: map.name }), make("br"), text);
      map.canvas.setAttribute("aria-label", `${map.name}: ${text}`);
    }
  };
  $("kept").style.width = `${Math.min(100, (100 * data.ram) / data.wholeMaps)}%`;
  $("ram").textContent = `The whole network needs ${grouped(data.ram)} bytes on a Cortex-M4. Layer by layer, with whole maps, it would need ${grouped(data.wholeMaps)} bytes.`;
  let player = null;
  const pause = () => {
    clearInterval(player);
    player = null;
    $("play").textContent = "Play";
  };
  $("play").onclick = () => {
    if (player) return pause();
    if (Number($("row").value) >= rows) $("row").value = 0;
    $("play").textContent = "Pause";
    player = setInterval(() => {
      $("row").value = Number($("row").value) + 1;
      showRows();
      if (Number($("row").value) >= rows) pause();
    }, Math.max(30, 4000 / rows));
  };
  $("row").oninput = () => {
    pause();
    showRows();
  };

  // ---- Class maps ----

  const head = data.head && data.head.weights && new Float32Array(bytesOf(data.head.weights).buffer);
  $("maps-text").textContent = data.head
    ? "Bright places increase the logit of a class, which is the mean of its map" + (head ? ", plus a bias." : ".")
    : data.noMaps;
  const classFigures = data.head
    ? data.classes.slice(0, LINES).map(() => {
        const canvas = make("canvas", { width: columns * scale, height: rows * scale });
        const caption = make("figcaption");
        const figure = make("figure", {}, canvas, caption);
        $("maps").append(figure);
        canvas.setAttribute("role", "img");
        return { figure, canvas, caption };
      })
    : [];
  const classMaps = () => {
    if (!data.head) return;
    const map = stages[data.head.map];
    const values = valuesOf(map);
    const places = map.rows * map.columns;
    const of = (index) =>
      Float32Array.from({ length: places }, (_, i) => {
        if (!head) return values[i * map.channels + index];
        let sum = 0;
        for (let c = 0; c < map.channels; c++) sum += head[index * map.channels + c] * values[i * map.channels + c];
        return sum;
      });
    const found = Array.from(logits());
    const order = data.classes.map((_, i) => i);
    if (order.length > LINES) order.sort((a, b) => found[b] - found[a] || a - b);
    const best = argmax(found);
    const all = classFigures.map((_, i) => of(order[i]));
    const most = Math.max(0, ...all.map((one) => one.reduce((a, b) => Math.max(a, b), 0)));
    classFigures.forEach(({ figure, canvas, caption }, i) => {
      const context = canvas.getContext("2d");
      context.imageSmoothingEnabled = true;
      context.globalAlpha = 1;
      context.drawImage(heat(all[i], map.columns, map.rows, most), 0, 0, canvas.width, canvas.height);
      context.globalAlpha = 0.35;
      context.imageSmoothingEnabled = false;
      context.drawImage(stages[0].whole, 0, 0, canvas.width, canvas.height);
      caption.textContent = data.classes[order[i]];
      figure.className = order[i] === best ? "best" : "";
      canvas.setAttribute("aria-label", `Class map of ${data.classes[order[i]]}`);
    });
  };

  // ---- Running ----

  let waiting = null;
  const show = (what) => {
    shown = what;
    const inverted = $("invert").checked;
    input().set(inverted ? bytes.map((level) => 255 - level) : bytes);
    if (!engine.run(true)) return fail("This build of the engine cannot run the model.");
    answer();
    readMaps();
    showRows();
    clearTimeout(waiting);
    waiting = setTimeout(measure, 250);
  };
  // The mean over at least a tenth of a second: browsers make their clocks coarse.
  const measure = () => {
    const begin = performance.now();
    let count = 0;
    let passed = 0;
    do {
      engine.run(false);
      count++;
      passed = performance.now() - begin;
    } while (passed < 100);
    const each = passed / count;
    const time = each < 1 ? `${(1000 * each).toFixed(0)} µs` : `${each.toFixed(1)} ms`;
    $("time").textContent = `${time} per image in this browser${vectors ? ", with SIMD" : ", without SIMD"}: ${grouped(data.macs)} multiply-accumulates`;
  };

  // ---- Drawing ----

  const placeOf = (event) => {
    const box = draw.getBoundingClientRect();
    return [((event.clientX - box.left) * draw.width) / box.width, ((event.clientY - box.top) * draw.height) / box.height];
  };
  // The width is in hundredths of the picture.
  const stroke = ([x0, y0], [x, y]) => {
    paint.strokeStyle = ink();
    paint.lineWidth = (Number($("width").value) * Math.max(draw.width, draw.height)) / 50;
    paint.lineCap = paint.lineJoin = "round";
    paint.beginPath();
    paint.moveTo(x0, y0);
    paint.lineTo(x, y);
    paint.stroke();
  };
  let last = null;
  let due = false;
  const soon = () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      changed("your drawing");
    });
  };
  draw.onpointerdown = (event) => {
    if (event.button !== 0) return;
    stopCamera();
    draw.setPointerCapture(event.pointerId);
    last = placeOf(event);
    stroke(last, last);
    pressed(null);
    soon();
  };
  draw.onpointermove = (event) => {
    if (!last) return;
    // All places since the last event: a fast stroke stays round.
    for (const one of event.getCoalescedEvents?.() ?? [event]) {
      const next = placeOf(one);
      stroke(last, next);
      last = next;
    }
    soon();
  };
  draw.onpointerup = draw.onpointercancel = () => (last = null);

  const pen = { x: 0.5, y: 0.5, down: false };
  const showPen = () => {
    $("pen").hidden = document.activeElement !== draw || !pen.used;
    $("pen").className = pen.down ? "down" : "";
    $("pen").style.left = `${100 * pen.x}%`;
    $("pen").style.top = `${100 * pen.y}%`;
  };
  const penPlace = () => [pen.x * draw.width, pen.y * draw.height];
  draw.onkeydown = (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step) {
      const from = penPlace();
      pen.x = Math.min(1, Math.max(0, pen.x + step[0] / columns));
      pen.y = Math.min(1, Math.max(0, pen.y + step[1] / rows));
      if (pen.down) {
        stopCamera();
        pressed(null);
        stroke(from, penPlace());
        soon();
      }
    } else if (event.key === " ") {
      pen.down = !pen.down;
      if (pen.down) {
        stopCamera();
        pressed(null);
        stroke(penPlace(), penPlace());
        soon();
      }
    } else if (event.key === "Delete" || event.key === "Backspace") {
      $("clear").click();
    } else {
      return;
    }
    pen.used = true;
    event.preventDefault();
    showPen();
  };
  draw.onfocus = draw.onblur = showPen;

  $("clear").onclick = () => {
    stopCamera();
    pressed(null);
    clear();
  };
  $("invert").onchange = () => show(shown);

  // ---- Pictures ----

  // Crops about the centre, for the screen; the engine makes the network's bytes from the whole picture.
  const cover = (picture, width, height) => {
    const ratio = Math.max(draw.width / width, draw.height / height);
    paint.drawImage(picture, (draw.width - width * ratio) / 2, (draw.height - height * ratio) / 2, width * ratio, height * ratio);
  };
  const take = (picture, width, height) => {
    const whole = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    whole.fillStyle = "#fff";
    whole.fillRect(0, 0, width, height);
    whole.drawImage(picture, 0, 0);
    const image = whole.getImageData(0, 0, width, height);
    fit(image);
    bytes = input().slice();
    paint.fillStyle = "#fff";
    paint.fillRect(0, 0, draw.width, draw.height);
    cover(picture, width, height);
  };
  const openPicture = async (blob, name) => {
    stopCamera();
    try {
      const picture = await createImageBitmap(blob, { colorSpaceConversion: "none" });
      take(picture, picture.width, picture.height);
      picture.close();
      pressed(null);
      $("problem").hidden = true;
      show({ label: null, what: name });
    } catch (error) {
      fail(`${name} cannot be read as a picture (${error.message}).`);
    }
  };
  const first = (files) => {
    const file = Array.from(files).find((file) => file.type.startsWith("image/")) ?? files[0];
    if (file) openPicture(file, file.name || "the picture");
  };
  $("open").onclick = () => $("file").click();
  $("file").onchange = () => {
    first($("file").files);
    $("file").value = "";
  };
  const frame = document.querySelector(".frame");
  addEventListener("dragover", (event) => {
    event.preventDefault();
    frame.classList.add("over");
  });
  addEventListener("dragleave", (event) => event.relatedTarget || frame.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    frame.classList.remove("over");
    first(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => event.clipboardData && first(event.clipboardData.files));

  // ---- Camera ----

  let stream = null;
  const stopCamera = () => {
    if (!stream) return;
    stream.getTracks().forEach((track) => track.stop());
    stream = null;
    $("camera").setAttribute("aria-pressed", "false");
  };
  $("camera").onclick = async () => {
    if (stream) return stopCamera();
    try {
      if (!navigator.mediaDevices) throw new Error("the browser gives this page no access to a camera");
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 640 } } });
    } catch (error) {
      return fail(`The camera cannot be used (${error.message}).`);
    }
    $("problem").hidden = true;
    $("camera").setAttribute("aria-pressed", "true");
    pressed(null);
    const video = $("video");
    video.srcObject = stream;
    await video.play();
    const next = () => {
      if (!stream) return;
      if (video.videoWidth) {
        take(video, video.videoWidth, video.videoHeight);
        show({ label: null, what: "the camera" });
      }
      requestAnimationFrame(next);
    };
    next();
  };

  // ---- Test images ----

  const images = bytesOf(data.images.bytes);
  const buttons = data.images.labels.map((label, i) => {
    const own = images.subarray(i * bytes.length, (i + 1) * bytes.length);
    const button = make("button", { type: "button", title: data.classes[label] }, pictureOf(own));
    button.setAttribute("aria-label", `Test image ${i + 1}: ${data.classes[label]}`);
    button.setAttribute("aria-pressed", "false");
    button.onclick = () => choose(i);
    $("images").append(button);
    return button;
  });
  let chosen = null;
  const pressed = (index) => {
    chosen = index;
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === index)));
  };
  const choose = (index) => {
    stopCamera();
    pressed(index);
    // The button comes into view without moving the page.
    const [strip, button] = [$("images"), buttons[index]];
    strip.scrollLeft = button.offsetLeft - strip.offsetLeft - (strip.clientWidth - button.clientWidth) / 2;
    bytes = images.slice(index * bytes.length, (index + 1) * bytes.length);
    toCanvas(bytes);
    show({ label: data.images.labels[index], what: `test image ${index + 1}` });
  };
  const step = (by) => choose(chosen === null ? (by > 0 ? 0 : buttons.length - 1) : (chosen + by + buttons.length) % buttons.length);
  $("before").onclick = () => step(-1);
  $("after").onclick = () => step(1);

  // The picture as the network reads it, for `nin-train predict`.
  $("save").onclick = async () => {
    const blob = await new Promise((done) => pictureOf(input()).toBlob(done));
    const link = make("a", { href: URL.createObjectURL(blob), download: "input.png" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  $("main").hidden = false;
  if (!pictures) {
    document.querySelector(".tools").hidden = $("keys").hidden = true;
    draw.style.pointerEvents = "none";
    draw.tabIndex = -1;
  }
  $("samples").hidden = buttons.length === 0;
  if (buttons.length > 0) choose(0);
  else if (pictures) clear();
  else show({ label: null, what: "" });
})();
