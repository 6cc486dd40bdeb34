// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control port: that lines of the protocol reach the card they are for and their answers come back.
 * What a verb does is tested where it is used.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "env.h"
#include "tap.h"

#define PORT "/dev/virtio-ports/org.mlx5-vfmig.control"

static void help_lists_the_verbs(void)
{
	char *text;

	need_ctl("this is its test");
	text = ctl_ask("help");
	CHECK(strstr(text, "help: "));
	CHECK(strstr(text, "cards: "));
	CHECK(strstr(text, "\nhealth FN "));
	free(text);
}

static void bad_lines_are_refused(void)
{
	static char longer[1200];
	char err[200];

	need_ctl("this is its test");
	CHECK(!ctl_try(err, sizeof(err), "frobnicate"));
	CHECK_MSG(!strcmp(err, "no verb 'frobnicate'; try help"), "%s", err);
	CHECK(!ctl_try(err, sizeof(err), "@nobody help"));
	CHECK_MSG(!strcmp(err, "there is no card 'nobody'; try cards"), "%s", err);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[0] = '#';
	CHECK(!ctl_try(err, sizeof(err), "%s", longer));
	CHECK_MSG(!strcmp(err, "a line has 1024 characters at most"), "%s", err);
	longer[1024] = '\0';
	ctl("%s", longer);
}

/* Each card has a health of its own. */
static void cards_are_told_apart(void)
{
	char *text, *second, err[200];

	need_ctl("this is its test");
	text = ctl_ask("cards");
	second = strchr(text, '\n') + 1;
	if (!*second)
		tap_skip("needs a second card");
	CHECK_MSG(!strncmp(text, "pf0 vfs=", 8), "%s", text);
	CHECK_MSG(!strncmp(second, "pf1 vfs=", 8), "%s", second);
	free(text);
	ctl("@pf1 health pf 0");
	ctl("@pf0 echo x");
	CHECK(!ctl_try(err, sizeof(err), "@pf2 health pf 0"));
}

/* Somebody leaves lines and does not listen; they are carried out, and nobody else gets the answers. */
static void answers_find_who_asked(void)
{
	char *text;

	need_ctl("this is its test");
	for (unsigned int i = 0; i < 20; i++) {
		int fd = open(PORT, O_RDWR | O_CLOEXEC);

		CHECK(fd >= 0);
		CHECK_EQ(write(fd, "help\nhelp\nhal", 13), 13);
		close(fd);
		text = ctl_ask("echo %u", i);
		CHECK_EQ(atoi(text), i);
		free(text);
	}
}

/* Far more answers than buffers, and nobody reads: writing stops, nothing is lost. */
static void who_does_not_read_waits(void)
{
	static char in[1 << 20];
	int fd, asked = 0, got = 0;
	uint64_t start = 0;
	size_t len = 0;
	char *at;

	need_ctl("this is its test");
	fd = open(PORT, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	CHECK(fd >= 0);
	while (asked < 100000 && write(fd, "help\n", 5) == 5)
		asked++;
	CHECK_MSG(asked > 10 && asked < 100000, "%d lines were taken", asked);
	while (got < asked) {
		ssize_t n = read(fd, in + len, sizeof(in) - 1 - len);

		if (n <= 0) {
			CHECK_MSG(wait_more(&start, 10000), "%d answers of %d", got, asked);
			continue;
		}
		start = 0;
		len += (size_t)n;
		in[len] = '\0';
		while ((at = strstr(in, "ok\n"))) {
			got++;
			len -= (size_t)(at + 3 - in);
			memmove(in, at + 3, len + 1);
		}
	}
	CHECK_EQ(len, 0);
	close(fd);
}

static void processes_take_turns(void)
{
	int bad = 0, st;

	need_ctl("this is its test");
	for (unsigned int i = 0; i < 4; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid)
			continue;
		for (unsigned int k = 0; k < 25; k++) {
			char *text = ctl_ask("echo %u", i * 100 + k);

			CHECK_EQ(atoi(text), i * 100 + k);
			free(text);
		}
		_exit(0);
	}
	while (wait(&st) > 0)
		bad += !WIFEXITED(st) || WEXITSTATUS(st);
	CHECK_EQ(bad, 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(help_lists_the_verbs),
		TAP_TEST(bad_lines_are_refused),
		TAP_TEST(cards_are_told_apart),
		TAP_TEST(answers_find_who_asked),
		TAP_TEST(who_does_not_read_waits),
		TAP_TEST(processes_take_turns),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
