/** Failures of an aggregator with the SuperNodes of its sites with Flower: part of the table in failures.ts. */
import { fatal } from "./failure.ts";

export const FLOWER_FAILURES = {
  flower_caller: fatal(
    0,
    "Cannot serve this SuperNode",
    "enrol the public key of its --auth-supernode-private-key: fedx flower enrol NAME K.pub --train N --positives P",
  ),
  flower_reply: fatal(
    0,
    "Cannot take what a Flower site sent",
    "have the site's functions corrected; it is asked again",
  ),
  flower_site: fatal(
    403,
    "Cannot join over fedx's own wire",
    "start a SuperNode there, or have the aggregator's operator begin a run in which this silo is none of Flower's",
  ),
} as const;
