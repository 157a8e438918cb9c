/* main() of every check-<layer> program: linking is the test. */
int main(void)
{
	return 0;
}
