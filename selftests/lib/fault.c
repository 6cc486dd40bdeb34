// SPDX-License-Identifier: GPL-2.0-or-later
#include "fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "tap.h"
#include "vfio.h"

void fault_clear(void)
{
	ctl("fault clear");
}

unsigned int fault_add(const char *fmt, ...)
{
	char words[512], *text;
	unsigned int rule;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	text = ctl_ask("fault add %s", words);
	CHECK_MSG(sscanf(text, " rule %u", &rule) == 1, "fault add %s: %s", words, text);
	free(text);
	return rule;
}

unsigned long fault_hits(unsigned int rule)
{
	char *text = ctl_ask("fault list"), *line = text;
	unsigned long hits = 0;
	unsigned int number;
	bool found = false;

	for (; line && *line; line = strchr(line, '\n'), line += line ? 1 : 0) {
		const char *end = strchr(line, '\n'), *at = strstr(line, " hits=");

		if (sscanf(line, " rule %u", &number) != 1 || number != rule)
			continue;
		CHECK_MSG(at && (!end || at < end), "no hits in: %s", line);
		hits = strtoul(at + strlen(" hits="), NULL, 10);
		found = true;
		break;
	}
	CHECK_MSG(found, "no rule %u in: %s", rule, text);
	free(text);
	return hits;
}

long driver_stat(const char *bdf, const char *name)
{
	char text[4096];
	size_t n = strlen(name);

	CHECK_MSG(!sysfs_read(text, sizeof(text), "/sys/kernel/debug/mlx5_vfmig/%s/stats", bdf),
		  "no statistics of %s", bdf);
	for (const char *line = text; line; line = strchr(line, '\n'), line += line ? 1 : 0)
		if (!strncmp(line, name, n) && line[n] == ' ')
			return strtol(line + n, NULL, 10);
	tap_fail(__FILE__, __LINE__, "no counter %s", name);
}

void driver_error(const char *bdf, char *buf, size_t len)
{
	CHECK_MSG(!sysfs_read(buf, len, "/sys/kernel/debug/mlx5_vfmig/%s/last_error", bdf),
		  "no last_error of %s", bdf);
}

unsigned int driver_trackers(const char *bdf)
{
	unsigned int n = 0;
	char text[4096];

	CHECK_MSG(!sysfs_read(text, sizeof(text), "/sys/kernel/debug/mlx5_vfmig/%s/trackers", bdf),
		  "no trackers of %s", bdf);
	for (const char *line = text; line; line = strchr(line, '\n'), line += line ? 1 : 0)
		n += !strncmp(line, "0x", 2);
	return n;
}
