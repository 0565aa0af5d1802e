// What docs/clients.md's C# program needs and Mono lacks: System.Text.Json, for flat objects of texts and nulls, and an
// entry point that waits for an asynchronous Main.
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;

public static class EntryPoint
{
    public static int Main(string[] arguments) => Program.Main(arguments).GetAwaiter().GetResult();
}

namespace System.Text.Json
{
    public static class JsonSerializer
    {
        public static string Serialize(Dictionary<string, string> values) =>
            "{" + string.Join(",", values.Select(one => $"\"{one.Key}\":\"{one.Value}\"")) + "}";
    }

    public sealed class JsonDocument
    {
        public JsonElement RootElement { get; private set; }

        public static JsonDocument Parse(string json) => new JsonDocument { RootElement = new JsonElement(json) };
    }

    public struct JsonElement
    {
        private readonly string text;

        internal JsonElement(string text) { this.text = text; }

        public JsonElement GetProperty(string name)
        {
            var found = Regex.Match(text, $"\"{name}\": ?(null|\"(?<text>(?:[^\"\\\\]|\\\\.)*)\")");
            if (!found.Success) throw new KeyNotFoundException(name);
            return new JsonElement(found.Groups["text"].Success ? found.Groups["text"].Value : null);
        }

        public string GetString() => text;
    }
}
