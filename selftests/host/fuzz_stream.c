// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzing the stream parser: the first byte says how the rest is cut into
 * writes.  However it is cut, the result has to be that of one write.
 */
#include <stdlib.h>

#include "reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reader whole, cut;
	size_t step, pos;
	int err_whole;
	int err_cut = 0;

	if (!size)
		return 0;
	step = data[0] % 37u + 1u;
	data++;
	size--;

	reader_init(&whole);
	err_whole = reader_write(&whole, data, size);

	reader_init(&cut);
	for (pos = 0; pos < size && !err_cut; pos += step)
		err_cut = reader_write(&cut, data + pos,
				       size - pos < step ? size - pos : step);

	if (err_whole != err_cut || whole.loads != cut.loads ||
	    whole.skipped != cut.skipped ||
	    vfmig_parser_verdict(&whole.parser) !=
	    vfmig_parser_verdict(&cut.parser) ||
	    whole.all_len != cut.all_len ||
	    memcmp(whole.all, cut.all, whole.all_len))
		abort();
	return 0;
}
