/*
 * fedx.h: the C ABI of the training engine, plain C11. src/shim/symbols.ts is the same list for Deno, and a test compares the two.
 *
 * Rules for every function
 * - Returns a status (0 = done). On failure `err` (errlen bytes, NUL terminated, UTF-8) says what and how to cure it.
 *   Nothing is thrown, nothing is kept per thread.
 * - The caller owns every buffer. No pointer is kept after the call returns, none is handed out.
 * - Engines, data sets and tickets are numbers, never 0. An unknown or destroyed one gives FEDX_E_HANDLE.
 * - May be called from any thread. "Blocks" marks the calls that wait for the engine's own thread: from JavaScript they are nonblocking.
 * - Byte order is little endian. All lengths are in bytes unless named otherwise.
 */
#ifndef FEDX_H
#define FEDX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default) /* everything else in the library is hidden */

#define FEDX_ABI_VERSION 4 /* raised when an existing function or the config changes */

#define FEDX_OK 0
#define FEDX_E_ARGUMENT 1  /* an argument is out of range or a buffer has the wrong length */
#define FEDX_E_CONFIG 2    /* the config JSON is malformed, or a field is missing, unknown or out of range */
#define FEDX_E_HANDLE 3    /* no such engine, data set or ticket */
#define FEDX_E_NOT_BUILT 4 /* this library has no such device */
#define FEDX_E_MEMORY 5    /* out of memory */
#define FEDX_E_CANCELLED 6 /* the chunk was dropped by fedx_cancel or fedx_engine_destroy */
#define FEDX_E_SHUTDOWN 7  /* fedx_shutdown has run */
#define FEDX_E_INTERNAL 8  /* libtorch or the engine failed; err has its message */
#define FEDX_E_DEVICE 9    /* this library could use a GPU, but the machine has none that works */

/* fedx_state_read, fedx_state_write: which numbers. */
#define FEDX_STATE_PARAMS 0  /* f32, layout.length values: weights, then BatchNorm statistics, in OIHW order */
#define FEDX_STATE_M 1       /* f32, layout.weights values: Adam's first moment */
#define FEDX_STATE_V 2       /* f32, layout.weights values: second moment */
#define FEDX_STATE_VMAX 3    /* f32, layout.weights values: AMSGrad's maximum of V */
#define FEDX_STATE_SCALARS 4 /* f64, 3 values: Adam's step count, loss scale, good steps since it changed; without loss scaling 1 and 0 */

/* The ABI version this library was built with. Cannot fail. */
int32_t fedx_abi_version(void);

/* Writes the build id (hex hash of sources, flags and libtorch version) and libtorch's version: "<build> <libtorch>", NUL terminated. */
int32_t fedx_build(char *out, uint32_t outlen, char *err, uint32_t errlen);

/* Makes an engine with its own thread from a flat JSON object (native/engine/config.h lists the fields). Parameters start at 0,
 * running variances at 1. Blocks (about 0.1 s). Free with fedx_engine_destroy. */
int32_t fedx_engine_create(const char *config, uint32_t configlen, uint32_t *engine, char *err, uint32_t errlen);

/* Drops queued chunks, waits for the step under way, frees the engine. Blocks. */
int32_t fedx_engine_destroy(uint32_t engine, char *err, uint32_t errlen);

/* Writes the layout as JSON, NUL terminated: {network, channels, tensors: [{name, shape, offset, length, kind, group}], length, weights}.
 * *needed = bytes with the NUL, also when outlen is too small (FEDX_E_ARGUMENT). */
int32_t fedx_layout(uint32_t engine, char *out, uint32_t outlen, uint32_t *needed, char *err, uint32_t errlen);

/* Writes where the engine computes, NUL terminated: "cpu", or "cuda" and the GPU's name. 256 bytes are enough. */
int32_t fedx_engine_device(uint32_t engine, char *out, uint32_t outlen, char *err, uint32_t errlen);

/* Copies state out, after every chunk submitted before. len must be exact. Blocks. */
int32_t fedx_state_read(uint32_t engine, uint32_t kind, void *out, uint32_t len, char *err, uint32_t errlen);

/* Copies state in, after every chunk submitted before. len must be exact; 0 bytes set the kind as a run starts (not PARAMS): moments
 * and step count 0, the loss scale 65536. Blocks. */
int32_t fedx_state_write(uint32_t engine, uint32_t kind, const void *in, uint32_t len, char *err, uint32_t errlen);

/* Makes a resident data set of n images, h x w, u8 grey, with labels 0 or 1, all 0 at first. Free with fedx_data_destroy. */
int32_t fedx_data_create(uint32_t n, uint32_t h, uint32_t w, uint32_t *data, char *err, uint32_t errlen);

/* Frees the data set, once no queued chunk needs it. */
int32_t fedx_data_destroy(uint32_t data, char *err, uint32_t errlen);

/* Copies whole images in, the first of them at row `first`; at most 64 MiB a call. Not while a chunk reads the same rows. */
int32_t fedx_data_put(uint32_t data, uint32_t first, const uint8_t *pixels, uint32_t len, char *err, uint32_t errlen);

/* Copies len labels in, each 0 or 1, the first of them at row `first`. */
int32_t fedx_data_labels(uint32_t data, uint32_t first, const uint8_t *labels, uint32_t len, char *err, uint32_t errlen);

/* Queues one chunk of training steps; returns at once. plan, packed: u32 K (1..4096), u32 B, u32 first_step, u32 fixed
 * (1: BatchNorm uses its running statistics and leaves them alone, else 0), f32 lr_factor[K], f32 clip_norm[K], u32 rows[K * B]. Collect with fedx_wait. */
int32_t fedx_train_submit(uint32_t engine, uint32_t data, const uint8_t *plan, uint32_t len, uint32_t *ticket, char *err, uint32_t errlen);

/* Queues the scoring of `count` rows with the parameters as they are then; returns at once. Collect with fedx_wait. */
int32_t fedx_predict_submit(uint32_t engine, uint32_t data, const uint32_t *rows, uint32_t count, uint32_t *ticket, char *err, uint32_t errlen);

/* Waits for a ticket and spends it, copying its results out; len must be exact. Blocks.
 * Training: u32 skipped, f32 loss[K], f32 gradient_norm[K] (before clipping). Scoring: f32 logit[count].
 * A step whose gradient norm is not finite changes no weight and counts as skipped; with loss scaling it then halves the scale. */
int32_t fedx_wait(uint32_t ticket, void *out, uint32_t len, char *err, uint32_t errlen);

/* Drops the engine's queued chunks; the one under way is finished. Their tickets end with FEDX_E_CANCELLED. */
int32_t fedx_cancel(uint32_t engine, char *err, uint32_t errlen);

/* Engines, data sets and tickets not yet freed. Cannot fail. */
uint32_t fedx_live_handles(void);

/* Ends everything: stops at the next step's border, joins all engine threads, frees all handles. Later calls give FEDX_E_SHUTDOWN.
 * Call it before the process exits: exit during libtorch's work crashes. May be called twice. Blocks (a step at most). */
int32_t fedx_shutdown(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
