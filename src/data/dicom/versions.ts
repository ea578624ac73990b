/** What decodes DICOM: other versions may give other pixels. */

import about from "dcmjs-codecs/package.json" with { type: "json" };

/** As deno.json pins them. */
export const DICOM_DECODERS = `dicom-parser 1.8.21, dcmjs-codecs ${about.version}, codec-charls 1.2.7`;
