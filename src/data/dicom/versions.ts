/** What decodes DICOM: other versions may give other pixels. */

import { CODECS_VERSION } from "./native_codecs.ts";

/** As deno.json pins them. */
export const DICOM_DECODERS =
  `dicom-parser 1.8.21, ${CODECS_VERSION}, codec-charls 1.2.7, codec-openjpeg 1.3.6`;
