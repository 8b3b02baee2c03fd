import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/** Writes the results of the cases. */
final class Report {
  static final JsonMapper JSON = JsonMapper.shared();

  static void write(String name, Map<String, ?> result) {
    System.out.println(name + " " + JSON.writeValueAsString(result));
  }
}
