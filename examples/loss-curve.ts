/** A curve as an SVG picture, for the loss of a training. */

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [640, 320, 52, 40, 28];

/** @param values one for each step, all of them greater than zero; drawn over a logarithmic axis, with their running mean */
export function lossCurve(title: string, values: readonly number[]): string {
  const most = 10 ** Math.ceil(Math.log10(Math.max(...values)));
  const least = 10 ** Math.floor(Math.log10(Math.min(...values)));
  const x = (step: number): string => (LEFT + (step / Math.max(1, values.length - 1)) * (WIDTH - LEFT - 16)).toFixed(1);
  const height = HEIGHT - BOTTOM - TOP;
  const y = (value: number): string => (TOP + (Math.log(most / value) / Math.log(most / least)) * height).toFixed(1);
  const line = (points: readonly number[]): string => points.map((value, step) => `${x(step)},${y(value)}`).join(" ");
  let smooth = values[0] ?? least;
  const running = values.map((value) => {
    smooth += 0.1 * (value - smooth);
    return smooth;
  });
  const ticks = Array.from({ length: Math.round(Math.log10(most / least)) + 1 }, (_, i) => most / 10 ** i);
  const marks = ticks.map(
    (tick) => `<path d="M${LEFT} ${y(tick)}H${WIDTH - 16}" stroke="#ddd"/>
<text x="${LEFT - 6}" y="${Number(y(tick)) + 4}" text-anchor="end">${Number(tick.toPrecision(1))}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">
<title>${title}</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="${LEFT}" y="18" font-size="14">${title}</text>
${marks.join("\n")}
<polyline points="${line(values)}" fill="none" stroke="#9bc" stroke-width="1"/>
<polyline points="${line(running)}" fill="none" stroke="#036" stroke-width="2"/>
<text x="${LEFT}" y="${HEIGHT - 12}">step 1</text>
<text x="${WIDTH - 16}" y="${HEIGHT - 12}" text-anchor="end">step ${values.length}</text>
</svg>
`;
}
