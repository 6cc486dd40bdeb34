// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The unmodified mlx5_ib and the stock provider of rdma-core, used through plain libibverbs: operations by
 * their content, errors by their status at both ends, events. selftests/test_verbs.sh makes the devices.
 */
#include "verbs.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
	const struct tests *const all[] = {
		&data_tests, &datagram_tests, &srq_tests, &cq_tests, &local_error_tests,
		&remote_error_tests, &state_tests, &device_tests,
	};
	struct tap_test *list;
	size_t n = 0, at = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		n += all[i]->n;
	list = calloc(n, sizeof(*list));
	if (!list)
		tap_bail("no memory");
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); at += all[i]->n, i++)
		memcpy(list + at, all[i]->test, all[i]->n * sizeof(*list));
	return tap_main(argc, argv, list, n);
}
