// The program in which the public headers are compiled; it has nothing to do at run time.
// Not a test of behaviour.
int main() { return 0; }
