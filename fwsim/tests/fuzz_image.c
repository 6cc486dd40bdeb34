// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer entry for LOAD_VHCA_STATE. The input is a state image whose header is made good (magic,
 * version, length, capability digest, checksum), so that the fuzzer gets to what is behind it. An image
 * that is taken must come out of a SAVE as the very same bytes, and the VHCA must run on with it. Bus
 * memory is what is left of the input, over and over.
 *
 *	make -C fwsim/tests O=DIR IFC_DIR=DIR CC=clang fuzz_image && DIR/fuzz_image CORPUS
 *
 * H_IMAGE=CORPUS/busy DIR/test_image makes something to start with.
 */
#include "image.h"

#define VF 1u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/*
 * Mostly a few words are changed where they are: an image whose sections have come apart is refused
 * before anything interesting happens.
 */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	static const uint32_t interesting[] = {
		0, 1, 2, 4, 6, 0x10, 0x40, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0x7fffff, 0xffffff,
		0x7fffffff, 0x80000000, 0xffffffff,
	};
	uint64_t r = seed * 0x9e3779b97f4a7c15ULL;

	if (size < 8 || (seed & 7) == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	for (unsigned int n = 1 + (seed >> 3) % 4; n; n--) {
		uint8_t *w;

		r = (r ^ r >> 29) * 0xbf58476d1ce4e5b9ULL;
		w = data + (size_t)(r >> 16) % (size / 4) * 4;
		switch (r & 3) {
		case 0:
			ifc_st32(w, interesting[(r >> 8 & 0xff) % 17]);
			break;
		case 1:
			ifc_st32(w, ifc_ld32(w) ^ 1u << (r >> 8 & 31));
			break;
		case 2:
			ifc_st32(w, ifc_ld32(w) + (uint32_t)(r >> 8 & 0xff) - 128);
			break;
		case 3:
			memcpy(w, data + (size_t)(r >> 32) % (size / 4) * 4, 4);
			break;
		}
	}
	return size;
}

struct host {
	const uint8_t *data;
	size_t size;
	uint64_t now, deadline;
};

static int dma_read(void *host, unsigned int fn, uint64_t addr, void *buf, size_t len)
{
	struct host *h = host;
	uint8_t *p = buf;

	(void)fn;
	for (size_t i = 0; i < len; i++)
		p[i] = h->size ? h->data[(addr + i) % h->size] : 0;
	return 0;
}

static int dma_write(void *host, unsigned int fn, uint64_t addr, const void *buf, size_t len)
{
	(void)host, (void)fn, (void)addr, (void)buf, (void)len;
	return 0;
}

static void msix(void *host, unsigned int fn, unsigned int vector)
{
	(void)host, (void)fn;
	if (vector >= 64)
		abort();
}

static uint64_t clock_ns(void *host)
{
	return ((struct host *)host)->now;
}

static void timer_set(void *host, uint64_t deadline)
{
	((struct host *)host)->deadline = deadline;
}

static const struct fwsim_host_ops ops = {
	.dma_read = dma_read,
	.dma_write = dma_write,
	.msix = msix,
	.clock_ns = clock_ns,
	.timer_set = timer_set,
};

static void make_header_good(struct fwsim_vhca *v, uint8_t *buf, size_t len)
{
	memset(buf, 0, FWSIM_IMAGE_HDR);
	ifc_st64(buf + FWSIM_IMAGE_OFF_MAGIC, FWSIM_IMAGE_MAGIC);
	ifc_st32(buf + FWSIM_IMAGE_OFF_VERSION, FWSIM_IMAGE_VERSION);
	ifc_st32(buf + FWSIM_IMAGE_OFF_HDR_LEN, FWSIM_IMAGE_HDR);
	ifc_st64(buf + FWSIM_IMAGE_OFF_LEN, len);
	ifc_st64(buf + FWSIM_IMAGE_OFF_CAPS, fwsim_cap_digest(v));
	ifc_st32(buf + FWSIM_IMAGE_OFF_SECTIONS, FWSIM_IMAGE_SEC_END - FWSIM_IMAGE_SEC_VHCA);
	ifc_st64(buf + FWSIM_IMAGE_OFF_CRC, fwsim_crc64(0, buf, len));
}

static void run_on(struct fwsim *fw, struct host *h, struct fwsim_vhca *v)
{
	v->mig = FWSIM_MIG_RUNNING;
	fwsim_vhca_rescan(v);
	for (unsigned int i = 0; i < 20 && h->deadline != UINT64_MAX; i++) {
		if (h->deadline > h->now)
			h->now = h->deadline;
		h->deadline = UINT64_MAX;
		fwsim_timer_expired(fw);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct fwsim_config cfg = { .max_vfs = 1, .vf_msix = 64 };
	struct host host = { .data = data, .size = len, .now = 1000000, .deadline = UINT64_MAX };
	struct fwsim *fw = fwsim_create(&cfg, &ops, &host, NULL, 0);
	struct fwsim_vhca *v;
	uint8_t *buf, *again;
	char why[128];

	if (!fw)
		return 0;
	v = fw->vhca[VF];
	v->pf_enabled = true;
	v->bus_master = true;
	v->mig = FWSIM_MIG_STOPPED;
	buf = malloc(len ? len : 1);
	if (!buf)
		abort();
	memcpy(buf, data, len);
	if (len >= FWSIM_IMAGE_HDR)
		make_header_good(v, buf, len);
	if (fwsim_image_load(v, buf, len, why, sizeof(why)) == IFC_ST_OK) {
		if (fwsim_image_size(v) != len)
			abort();
		again = malloc(len);
		if (!again || fwsim_image_save(v, again, len) != len || memcmp(buf, again, len))
			abort();
		free(again);
		run_on(fw, &host, v);
	}
	free(buf);
	fwsim_destroy(fw);
	return 0;
}
