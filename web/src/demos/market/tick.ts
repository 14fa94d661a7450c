import type { PublicationContext } from "centrifuge";

export interface Tick {
  readonly price: number;
  readonly size: number;
  /** The price at the start of the day. */
  readonly open: number;
}

export const COMPANIES: Readonly<Record<string, string>> = {
  ACME: "Acme Rockets",
  AURA: "Aura Optics",
  BOLT: "Bolt Energy",
  CRUX: "Crux Climbing",
  DELT: "Delt Shipping",
  ECHO: "Echo Audio",
  FLUX: "Flux Motors",
  GLOW: "Glow Lighting",
  HALO: "Halo Medical",
  IRIS: "Iris Cameras",
  JADE: "Jade Ceramics",
  KITE: "Kite Airlines",
  LUMA: "Luma Displays",
  MICA: "Mica Minerals",
  NOVA: "Nova Space",
  ONYX: "Onyx Chips",
  PIKA: "Pika Toys",
  QUAY: "Quay Harbours",
  RUNE: "Rune Games",
  SOLA: "Sola Solar",
};

export function parseTick(publication: PublicationContext): Tick | null {
  const data = publication.data as Partial<Record<string, unknown>> | null;
  if (typeof data !== "object" || data === null) return null;
  const { price, size, open } = data;
  if (typeof price !== "number" || !(price > 0)) return null;
  return {
    price,
    size: typeof size === "number" && size >= 0 ? size : 0,
    open: typeof open === "number" && open > 0 ? open : price,
  };
}
