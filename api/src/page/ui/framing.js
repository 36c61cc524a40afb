// The geometry of a crop: a square over a photo, in pixels of the upright photo.

/** The square isn't made smaller than this many pixels of the photo, unless the photo is. */
const LEAST_SIDE = 100;
const MOST_ZOOM = 10;

/** @param {number} value @param {number} least @param {number} most */
function within(value, least, most) {
  return Math.max(least, Math.min(most, value));
}

export class Framing {
  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.mostZoom = within(Math.min(width, height) / LEAST_SIDE, 1, MOST_ZOOM);
    this.zoom = 1;
    this.x = 0;
    this.y = 0;
    this.reset();
  }

  /** The largest square, in the middle. */
  reset() {
    this.zoom = 1;
    this.x = (this.width - this.side) / 2;
    this.y = (this.height - this.side) / 2;
  }

  get side() {
    return Math.min(this.width, this.height) / this.zoom;
  }

  /** @param {number} dx @param {number} dy */
  moveBy(dx, dy) {
    this.x = within(this.x + dx, 0, this.width - this.side);
    this.y = within(this.y + dy, 0, this.height - this.side);
  }

  /**
   * Zooms; what is at this spot of the square (0 to 1 from its left and top) stays there.
   * @param {number} zoom
   * @param {{ x: number, y: number }} [spot]
   */
  zoomTo(zoom, spot = { x: 0.5, y: 0.5 }) {
    const before = this.side;
    this.zoom = within(zoom, 1, this.mostZoom);
    this.moveBy((before - this.side) * spot.x, (before - this.side) * spot.y);
  }

  /** The zoom as a share of what is possible, 0 to 1, even to the eye. */
  get zoomShare() {
    return this.mostZoom > 1 ? Math.log(this.zoom) / Math.log(this.mostZoom) : 0;
  }

  /** @param {number} share */
  zoomToShare(share) {
    this.zoomTo(this.mostZoom ** share);
  }

  /** Whole pixels, within the photo. */
  get crop() {
    const side = Math.max(1, Math.floor(this.side));
    const x = within(Math.round(this.x), 0, this.width - side);
    const y = within(Math.round(this.y), 0, this.height - side);
    return { x, y, width: side, height: side };
  }

  /**
   * Lays a photo out so that the square fills a box.
   * @param {HTMLImageElement} photo
   * @param {number} size Of the box.
   * @param {number} [inset] Of the box within its parent.
   */
  place(photo, size, inset = 0) {
    const scale = size / this.side;
    photo.style.width = `${this.width * scale}px`;
    photo.style.height = `${this.height * scale}px`;
    photo.style.transform = `translate(${inset - this.x * scale}px, ${inset - this.y * scale}px)`;
  }
}
